// exec without a terminal: the command's own argv, no shell in between; stdin, stdout and stderr apart.
// Backpressure both ways: output is not read while the channel is full, input not while the command is.

import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { SallyportError } from '../../core/errors.ts';
import type { ExecParams } from '../../core/channel.ts';
import type { ByteStream } from '../../link/byte-stream.ts';
import { frameType, type Exit } from '../../wire/frames.ts';
import { requireCommand, startDirectory } from './command.ts';
import { FrameChannel } from './frame-channel.ts';
import { hangUpGroup, signalGroup } from './processes.ts';
import type { RunningService, ServiceStart } from './service.ts';

export async function startExec(params: ExecParams, start: ServiceStart): Promise<RunningService> {
  const { account, env, scope } = start;
  const [, cwd] = await Promise.all([requireCommand(params.argv[0] ?? '', account), startDirectory(account)]);
  const [file = '', ...args] = scope.wrap([...account.become, ...params.argv]);
  // Detached: its own session and process group, so that it can be signalled as a whole and has no
  // terminal of ours. node-spawned stdio are socket pairs.
  const child = spawn(file, args, { cwd, env: { ...env, PWD: cwd }, detached: true, stdio: 'pipe' });
  const { pid } = child;
  if (pid === undefined) throw await spawnFault(child, params.argv[0] ?? '');
  scope.started(pid);
  return new Exec(child, pid);
}

class Exec implements RunningService {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #pid: number;
  /** Resolves when the command has ended and all that it wrote was read. */
  readonly #exit: Promise<Exit>;
  #hasExited = false;
  #hasEnded = false;

  constructor(child: ChildProcessWithoutNullStreams, pid: number) {
    this.#child = child;
    this.#pid = pid;
    this.#exit = new Promise((resolve) => {
      child.once('close', (code, signal) => resolve(exitOf(code, signal)));
    });
    child.once('exit', () => {
      this.#hasExited = true;
    });
    // A command that does not read its input is in its right: what it left unread is dropped.
    child.stdin.on('error', () => child.stdin.destroy());
    child.on('error', () => this.hangUp());
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  async join(stream: ByteStream, onBytes: (count: number) => void): Promise<void> {
    const child = this.#child;
    const channel: FrameChannel = new FrameChannel(
      stream,
      {
        onStdin: (payload) =>
          child.stdin.destroyed || child.stdin.writableEnded || child.stdin.write(payload),
        onStdinEnd: () => void child.stdin.end(),
        onResize: () => undefined,
        onSignal: (signal) => {
          if (!this.#hasExited) signalGroup(this.#pid, signal);
        },
        onCut: () => this.hangUp(),
        onDrain: () => {
          child.stdout.resume();
          child.stderr.resume();
        },
      },
      onBytes,
    );
    child.stdin.on('drain', () => channel.resumeInput());
    child.stdin.once('close', () => channel.resumeInput());
    const send = (type: typeof frameType.stdout | typeof frameType.stderr) => (chunk: Buffer) => {
      if (channel.send(type, chunk)) return;
      child.stdout.pause();
      child.stderr.pause();
    };
    child.stdout.on('data', send(frameType.stdout));
    child.stderr.on('data', send(frameType.stderr));
    const exit = await this.#exit;
    this.#hasEnded = true;
    channel.finish(exit);
    await channel.closed;
  }

  hangUp(): void {
    hangUpGroup(this.#pid, () => this.#hasExited);
    // Nobody takes the output any more, and 'close' must not wait for a reader.
    this.#child.stdin.destroy();
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }
}

function exitOf(code: number | null, signal: NodeJS.Signals | null): Exit {
  return signal === null ? { code: code ?? 0 } : { signal: signal.replace(/^SIG/, '') };
}

function spawnFault(child: ChildProcessWithoutNullStreams, word: string): Promise<SallyportError> {
  return new Promise((resolve) => {
    child.once('error', (cause: NodeJS.ErrnoException) => {
      resolve(
        new SallyportError('service_failed', `"${word}" could not be started (${cause.code ?? 'unknown'})`, {
          next: 'see the log of the agent on the device',
          cause,
        }),
      );
    });
  });
}
