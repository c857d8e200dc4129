// The asking end of SFTP for tests, on any pair of byte streams: numbers requests, matches replies, keeps
// the order in which they came. Sends what it is told, honest or not.

import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { PassThrough } from 'node:stream';
import { serveFiles, type ServeFiles } from '../../src/agent/files-server/serve.ts';
import { openFlag, sftpVersion, statusCode } from '../../src/wire/sftp/codes.ts';
import type { SftpAttrs } from '../../src/wire/sftp/fields.ts';
import { PacketReader } from '../../src/wire/sftp/packets.ts';
import {
  decodeReply,
  type NameEntry,
  type NumberedReply,
  type SftpReply,
} from '../../src/wire/sftp/replies.ts';
import { encodeRequest, type NumberedRequest } from '../../src/wire/sftp/requests.ts';

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;
export type Ask = WithoutId<NumberedRequest>;

/** What a server said instead of doing it. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class SftpPeer {
  /** Ids in the order of their replies. */
  readonly answered: number[] = [];
  readonly extensions = new Map<string, string>();
  /** Resolves when the other side has ended. */
  readonly ended: Promise<void>;
  readonly #input: Writable;
  readonly #waiting = new Map<number, (reply: NumberedReply | Error) => void>();
  readonly #version: Promise<void>;
  #nextId = 1;
  #isOver = false;

  constructor(input: Writable, output: Readable) {
    this.#input = input;
    const reader = new PacketReader();
    let onVersion: () => void = () => undefined;
    this.#version = new Promise((resolve) => {
      onVersion = resolve;
    });
    output.on('data', (chunk: Buffer) => {
      reader.push(chunk);
      for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
        // The server uses its buffers again; through a real pipe every chunk would be a new one.
        const reply: SftpReply = decodeReply(Buffer.from(packet));
        if (reply.type === 'version') {
          for (const [name, data] of reply.extensions) this.extensions.set(name, data);
          onVersion();
          continue;
        }
        this.answered.push(reply.id);
        this.#waiting.get(reply.id)?.(reply);
        this.#waiting.delete(reply.id);
      }
    });
    this.ended = new Promise((resolve) => {
      output.once('close', resolve);
      output.once('end', resolve);
    });
    void this.ended.then(() => {
      this.#isOver = true;
      for (const tell of this.#waiting.values()) tell(new Error('the server ended'));
    });
  }

  async init(): Promise<this> {
    this.#input.write(encodeRequest({ type: 'init', version: sftpVersion }));
    await this.#version;
    return this;
  }

  raw(bytes: Uint8Array): void {
    this.#input.write(bytes);
  }

  endInput(): void {
    this.#input.end();
  }

  /** The reply, whatever it is. */
  ask(request: Ask): Promise<NumberedReply> {
    if (this.#isOver) return Promise.reject(new Error('the server ended'));
    const id = this.#nextId++;
    const reply = new Promise<NumberedReply>((resolve, reject) => {
      this.#waiting.set(id, (told) => (told instanceof Error ? reject(told) : resolve(told)));
    });
    this.#input.write(encodeRequest({ ...request, id }));
    return reply;
  }

  /** Throws Refusal for every status but ok. */
  async must(request: Ask): Promise<NumberedReply> {
    const reply = await this.ask(request);
    if (reply.type === 'status' && reply.code !== statusCode.ok) throw new Refusal(reply.code, reply.message);
    return reply;
  }

  async open(path: Uint8Array | string, flags: number, attrs: SftpAttrs = {}): Promise<Uint8Array> {
    return handleOf(await this.must({ type: 'open', path: bytes(path), flags, attrs }));
  }

  async stat(path: Uint8Array | string): Promise<SftpAttrs> {
    const reply = await this.must({ type: 'stat', path: bytes(path) });
    if (reply.type !== 'attrs') throw new Error(`stat was answered with ${reply.type}`);
    return reply.attrs;
  }

  async read(handle: Uint8Array, offset: number, length: number): Promise<Uint8Array> {
    const reply = await this.must({ type: 'read', handle, offset, length });
    if (reply.type !== 'data') throw new Error(`read was answered with ${reply.type}`);
    return reply.data;
  }

  /** Opens, reads once, closes. */
  async content(path: Uint8Array | string): Promise<string> {
    const handle = await this.open(path, openFlag.read);
    try {
      return Buffer.from(await this.read(handle, 0, 65_536)).toString('latin1');
    } finally {
      await this.must({ type: 'close', handle });
    }
  }

  async put(path: Uint8Array | string, content: string): Promise<void> {
    const handle = await this.open(path, openFlag.write | openFlag.create | openFlag.truncate);
    try {
      await this.must({ type: 'write', handle, offset: 0, data: Buffer.from(content) });
    } finally {
      await this.must({ type: 'close', handle });
    }
  }

  async list(path: Uint8Array | string): Promise<readonly NameEntry[]> {
    const handle = handleOf(await this.must({ type: 'opendir', path: bytes(path) }));
    const entries: NameEntry[] = [];
    for (;;) {
      const reply = await this.ask({ type: 'readdir', handle });
      if (reply.type !== 'name') break;
      entries.push(...reply.entries);
    }
    await this.must({ type: 'close', handle });
    return entries;
  }
}

export function bytes(text: Uint8Array | string): Uint8Array {
  return typeof text === 'string' ? Buffer.from(text) : text;
}

export function handleOf(reply: NumberedReply): Uint8Array {
  if (reply.type !== 'handle') throw new Error(`a handle was asked for, and ${reply.type} came`);
  return reply.handle;
}

export interface LocalServer {
  readonly peer: SftpPeer;
  /** Of the server: resolves at its clean end. */
  readonly done: Promise<void>;
  /** Ends the input and waits. */
  close(): Promise<void>;
}

/** The files server in this process. */
export async function serveHere(options: Pick<ServeFiles, 'params' | 'home'>): Promise<LocalServer> {
  const input = new PassThrough();
  const output = new PassThrough();
  const done = serveFiles({ ...options, input, output }).finally(() => output.end());
  done.catch(() => undefined); // told to whoever awaits it
  const peer = new SftpPeer(input, output);
  await peer.init();
  return {
    peer,
    done,
    async close() {
      peer.endInput();
      await done;
    },
  };
}

export interface ServerProcess {
  readonly peer: SftpPeer;
  readonly child: ChildProcessWithoutNullStreams;
  close(): Promise<void>;
}

/** A program that speaks SFTP on its standard input and output. */
export async function startServer(argv: readonly string[]): Promise<ServerProcess> {
  const [file = '', ...args] = argv;
  const child = spawn(file, args, { stdio: 'pipe' });
  child.stderr.resume();
  const exited = new Promise<void>((resolve) => void child.once('close', () => resolve()));
  const peer = await new SftpPeer(child.stdin, child.stdout).init();
  return {
    peer,
    child,
    async close() {
      child.stdin.end();
      await exited;
    },
  };
}
