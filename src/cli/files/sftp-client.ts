// The asking side of an SFTP channel: numbered requests out, replies matched to them, a bounded number
// under way.

import type { ByteStream } from '../../link/byte-stream.ts';
import {
  dataMaxBytes,
  extension,
  packetMaxBytes,
  sftpVersion,
  SftpError,
  statusCode,
} from '../../wire/sftp/codes.ts';
import type { SftpAttrs } from '../../wire/sftp/fields.ts';
import { PacketReader } from '../../wire/sftp/packets.ts';
import {
  decodeHashed,
  decodeLimits,
  decodeReply,
  type NameEntry,
  type NumberedReply,
} from '../../wire/sftp/replies.ts';
import { encodeRequest, encodeWriteHead, type NumberedRequest } from '../../wire/sftp/requests.ts';
import { limits } from '../../core/limits.ts';
import { GatheredWriter } from './gathered-writer.ts';

/** What the server said no to. */
export class SftpStatus extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.name = 'SftpStatus';
    this.code = code;
  }
}

/** The channel is gone: what was under way has no answer. */
export class ChannelCut extends Error {
  constructor(cause: Error | undefined) {
    super('the channel was cut', { cause });
    this.name = 'ChannelCut';
  }
}

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;
type Ask = WithoutId<NumberedRequest>;

/** What is answered by a status and nothing else. */
export type StatusAsk =
  | { readonly type: 'close' | 'fsync'; readonly handle: Uint8Array }
  | { readonly type: 'remove'; readonly path: Uint8Array }
  | { readonly type: 'setstat' | 'mkdir'; readonly path: Uint8Array; readonly attrs: SftpAttrs }
  | { readonly type: 'fsetstat'; readonly handle: Uint8Array; readonly attrs: SftpAttrs }
  | { readonly type: 'rename' | 'posixRename'; readonly from: Uint8Array; readonly to: Uint8Array };

interface Waiting {
  readonly ask: Ask;
  readonly resolve: (reply: NumberedReply) => void;
  readonly reject: (error: Error) => void;
}

/** A full packet must also fit what OpenSSH takes, 256 KiB with all its fields. */
const askedDataMaxBytes = dataMaxBytes - 1024;

export class SftpClient {
  /** How much one READ or WRITE may move. */
  dataBytes = 32 * 1024;
  readonly #stream: ByteStream;
  readonly #writer: GatheredWriter;
  readonly #reader = new PacketReader();
  /** Not sent yet. INVARIANT: requests leave in the order in which they were asked. */
  #queue: Waiting[] = [];
  #queueHead = 0;
  readonly #waiting = new Map<number, Waiting>();
  readonly #closed: Promise<'clean' | 'cut'>;
  #extensions: ReadonlyMap<string, string> = new Map();
  #onVersion: ((extensions: ReadonlyMap<string, string>) => void) | undefined;
  #onNoVersion: ((error: Error) => void) | undefined;
  #nextId = 1;
  #gone: Error | undefined;
  readonly #whenGone = new AbortController();

  private constructor(stream: ByteStream) {
    this.#stream = stream;
    this.#writer = new GatheredWriter(stream);
    let close: (how: 'clean' | 'cut') => void = () => undefined;
    this.#closed = new Promise((resolve) => {
      close = resolve;
    });
    stream.listen({
      onData: (chunk) => this.#receive(chunk),
      onEnd: (end) => {
        this.#fail(new ChannelCut(end.how === 'cut' ? end.error : undefined));
        if (end.how === 'clean') stream.endClean();
        else stream.abort(new Error('the channel was cut'));
      },
      onDrain: () => {
        this.#writer.drained();
        this.#sendQueued();
      },
      onClose: (end) => {
        this.#fail(new ChannelCut(end.error));
        close(end.inbound);
      },
    });
  }

  /** Agrees on the version, and on how much one request may move. */
  static async open(stream: ByteStream): Promise<SftpClient> {
    const client = new SftpClient(stream);
    const agreed = new Promise<ReadonlyMap<string, string>>((resolve, reject) => {
      client.#onVersion = resolve;
      client.#onNoVersion = reject;
    });
    stream.write(encodeRequest({ type: 'init', version: sftpVersion }));
    client.#extensions = await agreed;
    if (client.#extensions.has(extension.limits)) {
      const reply = await client.#ask({ type: 'limits' });
      if (reply.type !== 'extendedReply') throw new SftpError('the server does not tell its limits');
      const told = decodeLimits(reply.data);
      // Zero means that the server sets no limit.
      const sizes = [told.readBytes, told.writeBytes].filter((size) => size > 0);
      client.dataBytes = Math.min(askedDataMaxBytes, packetMaxBytes, ...sizes);
    }
    return client;
  }

  /** Aborts with the error when the channel is gone: for work that asks nothing of it for a while. */
  get gone(): AbortSignal {
    return this.#whenGone.signal;
  }

  has(name: keyof typeof extension): boolean {
    return this.#extensions.has(extension[name]);
  }

  /** Ends in full; answers once the server has ended too, or the channel is gone. */
  async close(): Promise<void> {
    this.#writer.flush();
    this.#stream.endClean();
    await this.#closed;
  }

  abort(error: Error): void {
    this.#stream.abort(error);
  }

  async stat(path: Uint8Array): Promise<SftpAttrs> {
    return attrsOf(await this.#ask({ type: 'stat', path }));
  }

  async lstat(path: Uint8Array): Promise<SftpAttrs> {
    return attrsOf(await this.#ask({ type: 'lstat', path }));
  }

  async fstat(handle: Uint8Array): Promise<SftpAttrs> {
    return attrsOf(await this.#ask({ type: 'fstat', handle }));
  }

  async realpath(path: Uint8Array): Promise<Uint8Array> {
    const reply = await this.#ask({ type: 'realpath', path });
    const entry = reply.type === 'name' ? reply.entries[0] : undefined;
    if (entry === undefined) throw new SftpError('the server does not tell the whole path');
    return entry.name;
  }

  /** The answer outlives its packet. */
  async open(path: Uint8Array, flags: number, attrs: SftpAttrs = {}): Promise<Uint8Array> {
    return handleOf(await this.#ask({ type: 'open', path, flags, attrs }));
  }

  async opendir(path: Uint8Array): Promise<Uint8Array> {
    return handleOf(await this.#ask({ type: 'opendir', path }));
  }

  /** The next entries, or undefined behind the last one. */
  async readdir(handle: Uint8Array): Promise<readonly NameEntry[] | undefined> {
    const reply = await this.#ask({ type: 'readdir', handle }, [statusCode.eof]);
    return reply.type === 'name' ? reply.entries : undefined;
  }

  /** At most `length` bytes; undefined at the end of the file. */
  async read(handle: Uint8Array, offset: number, length: number): Promise<Uint8Array | undefined> {
    const reply = await this.#ask({ type: 'read', handle, offset, length }, [statusCode.eof]);
    if (reply.type !== 'data') return undefined;
    if (reply.data.length > length || reply.data.length === 0) {
      throw new SftpError(`the server answered ${reply.data.length} bytes where ${length} were asked for`);
    }
    return reply.data;
  }

  async write(handle: Uint8Array, offset: number, data: Uint8Array): Promise<void> {
    await this.#ask({ type: 'write', handle, offset, data });
  }

  /** SHA-256 of the first `length` bytes, 0 meaning all; `bytes` says how many there were. */
  async sha256(
    handle: Uint8Array,
    length: number,
  ): Promise<{ readonly hash: Buffer; readonly bytes: number }> {
    const reply = await this.#ask({ type: 'sha256', handle, offset: 0, length });
    if (reply.type !== 'extendedReply') throw new SftpError('the server does not tell a hash');
    const { hash, bytes } = decodeHashed(reply.data);
    return { hash: Buffer.from(hash), bytes };
  }

  async do(ask: StatusAsk): Promise<void> {
    const reply = await this.#ask(ask);
    if (reply.type !== 'status') throw new SftpError(`the server answered ${ask.type} with ${reply.type}`);
  }

  /** Throws SftpStatus for every status but ok and those that the caller takes for an answer. */
  async #ask(ask: Ask, taken: readonly number[] = []): Promise<NumberedReply> {
    const reply = await new Promise<NumberedReply>((resolve, reject) => {
      if (this.#gone !== undefined) return reject(this.#gone);
      this.#queue.push({ ask, resolve, reject });
      this.#sendQueued();
    });
    if (reply.type === 'status' && reply.code !== statusCode.ok && !taken.includes(reply.code)) {
      throw new SftpStatus(reply.code, reply.message);
    }
    return reply;
  }

  #sendQueued(): void {
    while (this.#writer.hasRoom && this.#waiting.size < limits.filesRequestsInFlight) {
      const next = this.#queue[this.#queueHead];
      if (next === undefined) break;
      this.#queueHead += 1;
      const id = this.#nextId;
      this.#nextId = id === 0xffff_ffff ? 1 : id + 1;
      this.#waiting.set(id, next);
      this.#send(next.ask, id);
    }
    // Array.shift copies, which is what a copy of many files would then spend its time on.
    if (this.#queueHead > 1_024 || this.#queueHead === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#queueHead);
      this.#queueHead = 0;
    }
  }

  #send(ask: Ask, id: number): void {
    if (ask.type === 'write') {
      const { handle, offset, data } = ask;
      this.#writer.put(encodeWriteHead({ id, handle, offset, length: data.length }));
      this.#writer.put(data);
    } else this.#writer.put(encodeRequest({ ...ask, id }));
  }

  #receive(chunk: Uint8Array): void {
    if (this.#gone !== undefined) return;
    try {
      this.#reader.push(chunk);
      for (let packet = this.#reader.next(); packet !== undefined; packet = this.#reader.next()) {
        this.#take(packet);
      }
    } catch (error) {
      const fault = error instanceof Error ? error : new SftpError(String(error));
      this.#fail(fault);
      this.#stream.abort(fault);
    }
  }

  #take(packet: Uint8Array): void {
    const reply = decodeReply(packet);
    if (reply.type === 'version') {
      if (this.#onVersion === undefined || reply.version !== sftpVersion) {
        throw new SftpError(`the server speaks version ${reply.version} of SFTP, not ${sftpVersion}`);
      }
      this.#onVersion(reply.extensions);
      this.#onVersion = undefined;
      return;
    }
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) throw new SftpError('an answer to no question');
    this.#waiting.delete(reply.id);
    waiting.resolve(reply);
    this.#sendQueued();
  }

  #fail(error: Error): void {
    if (this.#gone !== undefined) return;
    this.#gone = error;
    this.#whenGone.abort(error);
    this.#onNoVersion?.(error);
    for (const { reject } of [...this.#waiting.values(), ...this.#queue.slice(this.#queueHead)])
      reject(error);
    this.#waiting.clear();
    this.#queue = [];
    this.#queueHead = 0;
  }
}

function attrsOf(reply: NumberedReply): SftpAttrs {
  if (reply.type !== 'attrs') throw new SftpError(`attributes were asked for, and ${reply.type} came`);
  return reply.attrs;
}

function handleOf(reply: NumberedReply): Uint8Array {
  if (reply.type !== 'handle') throw new SftpError(`a handle was asked for, and ${reply.type} came`);
  return Uint8Array.from(reply.handle);
}
