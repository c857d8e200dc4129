// files: a process of this program as the channel's OS user, which speaks SFTP on its standard input and
// output (files-server/). Its bytes pass through here as they are. It has said that it is ready before the
// operator hears a yes, so that what stops it (an account that may not run Node) is told in words.

import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FilesParams } from '../../core/channel.ts';
import { SallyportError } from '../../core/errors.ts';
import { canonicalJson } from '../../core/json.ts';
import { printable } from '../../core/printable.ts';
import type { ByteStream } from '../../link/byte-stream.ts';
import { hangUpGroup } from './processes.ts';
import type { RunningService, ServiceStart } from './service.ts';

/** How the server says so, on its standard error. */
const readyLine = /^ready$/m;
/** What is kept of its standard error, for words about its end. */
const wordsMax = 2_000;

export async function startFiles(params: FilesParams, start: ServiceStart): Promise<RunningService> {
  const { account, env, scope } = start;
  const { mode, roots } = params;
  const server = [process.execPath, findProgram(), 'agent', 'files-server', '--params'];
  const argv = [...account.become, ...server, canonicalJson({ kind: 'files', mode, roots: [...roots] })];
  const [file = '', ...args] = scope.wrap(argv);
  const child = spawn(file, args, { cwd: '/', env, detached: true, stdio: 'pipe' });
  const service = new Files(child);
  if (child.pid !== undefined) scope.started(child.pid);
  await service.ready;
  return service;
}

class Files implements RunningService {
  /** Rejects with words when the server ends before it can serve. */
  readonly ready: Promise<void>;
  readonly #child: ChildProcessWithoutNullStreams;
  /** Resolves when the server has ended and all that it wrote was read. */
  readonly #exit: Promise<number | null>;
  #words = '';
  #hasExited = false;
  #hasEnded = false;

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.#exit = new Promise((resolve) => {
      child.once('close', (code) => resolve(code));
    });
    this.ready = new Promise((resolve, reject) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        this.#words = (this.#words + text).slice(-wordsMax);
        if (readyLine.test(this.#words)) resolve();
      });
      child.once('exit', () => {
        this.#hasExited = true;
      });
      child.once('close', () => reject(this.#startFault()));
      child.on('error', (cause) => reject(this.#startFault(cause)));
    });
    child.stdin.on('error', () => child.stdin.destroy());
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  async join(stream: ByteStream, onBytes: (count: number) => void): Promise<void> {
    const { stdin, stdout } = this.#child;
    const closed = new Promise<void>((resolve) => {
      stream.listen({
        onData(chunk) {
          onBytes(chunk.length);
          if (stdin.writable && !stdin.write(chunk)) stream.pause();
        },
        onEnd: (end) => {
          if (end.how === 'clean') stdin.end();
          else this.hangUp();
        },
        onDrain: () => stdout.resume(),
        onClose: () => {
          this.hangUp();
          resolve();
        },
      });
    });
    stdin.on('drain', () => stream.resume());
    stdin.once('close', () => stream.resume());
    stdout.on('data', (chunk: Buffer) => {
      onBytes(chunk.length);
      if (!stream.write(chunk)) stdout.pause();
    });
    const code = await this.#exit;
    this.#hasEnded = true;
    if (code === 0) stream.endClean({ 'sallyport-exit': '{"code":0}' });
    else stream.abort(new Error(`the files server ended: ${this.#said()}`));
    await closed;
  }

  hangUp(): void {
    const { pid } = this.#child;
    if (pid !== undefined) hangUpGroup(pid, () => this.#hasExited);
    // Nobody takes the output any more, and 'close' must not wait for a reader.
    this.#child.stdin.destroy();
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }

  #startFault(cause?: Error): SallyportError {
    return new SallyportError('service_failed', `files cannot be served: ${cause?.message ?? this.#said()}`, {
      next: 'the OS user must be able to run Node and to read the program of the agent',
      ...(cause === undefined ? {} : { cause }),
    });
  }

  #said(): string {
    const line = this.#words.trim().split('\n').at(-1) ?? '';
    return line === '' ? 'it said nothing' : printable(line, 200);
  }
}

/** bin/sallyport.js: one folder up from dist, three from here. */
function findProgram(): string {
  const places = ['../bin/sallyport.js', '../../../bin/sallyport.js'].map((up) =>
    fileURLToPath(new URL(up, import.meta.url)),
  );
  const found = places.find((place) => existsSync(place));
  if (found === undefined)
    throw new SallyportError('internal', 'the program of the agent is not in its place');
  return found;
}
