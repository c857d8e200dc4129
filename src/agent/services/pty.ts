// One pseudo-terminal with a command in it: the only file that knows node-pty. Its traps, kept here:
// - It destroys its reading end 200 ms after the command ended, read or not: a slow reader loses the rest.
// - It closes the terminal as soon as nobody has it open, which hangs up a command that closed its own
//   output just before it exits, as coreutils do: `cat` then ends by SIGHUP instead of 0, now and then.
// - Its write() blocks the whole process, and never says when to wait (terminal-input.ts).
// All three are undone by its inner socket, flag and descriptor, which its types do not show: they are
// checked at each use, and its version is pinned.

import { constants } from 'node:os';
import { ReadStream } from 'node:tty';
import type { Exit } from '../../wire/frames.ts';
import { TerminalInput } from './terminal-input.ts';

export interface PtyOptions {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly term: string;
  readonly cols: number;
  readonly rows: number;
}

export interface PtyListener {
  onData(chunk: Uint8Array): void;
  onDrain(): void;
  /** Once: the command has ended, and the last byte was read. */
  onEnd(exit: Exit): void;
}

export interface Pty {
  readonly pid: number;
  /** Starts reading. Called once. */
  listen(listener: PtyListener): void;
  pause(): void;
  resume(): void;
  /** False: wait for onDrain. */
  write(chunk: Uint8Array): boolean;
  resize(cols: number, rows: number): void;
  /** Lets go of the terminal, which hangs up whatever still has it. */
  destroy(): void;
}

interface Inner {
  readonly _socket?: unknown;
  readonly fd?: unknown;
  _emittedClose?: unknown;
}

const signalNames = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));
/** Where the kernel does not tell the end of a terminal whose command has ended (macOS, at times). */
const endUntoldMs = 200;

export async function openPty(options: PtyOptions): Promise<Pty> {
  // Loaded with the first terminal: an agent that only runs commands never needs it.
  const { spawn } = await import('@lydell/node-pty');
  const [file = '', ...args] = options.argv;
  const { term: name, cols, rows, cwd, env } = options;
  const terminal = spawn(file, args, { name, cols, rows, cwd, env: { ...env }, encoding: null });
  const inner = terminal as Inner;
  const { _socket: socket, fd } = inner;
  if (!(socket instanceof ReadStream) || typeof fd !== 'number' || inner._emittedClose !== false) {
    terminal.kill('SIGKILL');
    throw new Error('this version of node-pty is not the one that this was written for');
  }
  socket.pause();
  // Told that its socket is closed, node-pty reports the exit at once and touches the socket no more.
  inner._emittedClose = true;

  let exit: Exit | undefined;
  let isRead = false;
  let hasLetGo = false;
  let input: TerminalInput | undefined;
  let onEnd: ((exit: Exit) => void) | undefined;
  const destroy = socket.destroy.bind(socket);
  const letGo = (): void => {
    hasLetGo = true;
    destroy();
  };
  // INVARIANT: the terminal stays open until its command has ended; only then may a read error close it.
  // The error is EIO: nobody has the other end open, everything was read.
  socket.destroy = () => {
    isRead = true;
    settle();
    return socket;
  };
  const settle = (): void => {
    if (exit === undefined || !(isRead || hasLetGo)) return;
    if (!hasLetGo) letGo();
    onEnd?.(exit);
    onEnd = undefined;
  };
  terminal.onExit(({ exitCode, signal }) => {
    const signalName = signal === undefined || signal === 0 ? undefined : signalNames.get(signal);
    exit = signalName === undefined ? { code: exitCode } : { signal: signalName.replace(/^SIG/, '') };
    // Linux hangs the terminal up when its first process ends, so the read that finds EIO always comes.
    if (process.platform !== 'linux') setTimeout(() => void socket.destroy(), endUntoldMs);
    settle();
  });

  return {
    pid: terminal.pid,
    listen(listener) {
      onEnd = (how) => listener.onEnd(how);
      input = new TerminalInput({ fd, isOpen: () => !hasLetGo, onDrain: () => listener.onDrain() });
      socket.on('data', (chunk: Buffer) => listener.onData(chunk));
      socket.resume();
      settle();
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    write: (chunk) => input === undefined || hasLetGo || input.write(chunk),
    resize(columns, lines) {
      if (!hasLetGo) terminal.resize(columns, lines);
    },
    destroy() {
      letGo();
      input?.close();
      settle();
    },
  };
}
