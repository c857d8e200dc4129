// One pseudo-terminal with a command in it: the only file that knows node-pty. Three of its traps are kept
// here: it destroys its reading end 200 ms after the command ended, read or not, so a slow reader would
// lose the last page; its write() has no backpressure; and the EIO that marks the end of a terminal is an
// error to it. All three go by the socket inside, whose name is checked at the first use.

import { constants } from 'node:os';
import { ReadStream } from 'node:tty';
import type { Exit } from '../../wire/frames.ts';

export interface PtyOptions {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly term: string;
  readonly cols: number;
  readonly rows: number;
}

export interface Pty {
  readonly pid: number;
  /** Starts reading. `onEnd` comes once, after the last byte. */
  listen(listener: { onData(chunk: Uint8Array): void; onEnd(exit: Exit): void; onDrain(): void }): void;
  pause(): void;
  resume(): void;
  /** False: wait for onDrain. */
  write(chunk: Uint8Array): boolean;
  resize(cols: number, rows: number): void;
  /** Lets go of the terminal, which hangs up whatever still has it. */
  destroy(): void;
}

const signalNames = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

export async function openPty(options: PtyOptions): Promise<Pty> {
  // Loaded with the first terminal: an agent that only runs commands never needs it.
  const { spawn } = await import('@lydell/node-pty');
  const [file = '', ...args] = options.argv;
  const terminal = spawn(file, args, {
    name: options.term,
    cols: options.cols,
    rows: options.rows,
    cwd: options.cwd,
    env: { ...options.env },
    encoding: null,
  });
  const socket = (terminal as { readonly _socket?: unknown })._socket;
  if (!(socket instanceof ReadStream)) throw new Error('this version of node-pty has no socket to read from');
  // tty.ReadStream is a net.Socket and can be written to; its type hides that it is open for both.
  socket.pause();
  socket.on('error', () => undefined);
  const destroy = socket.destroy.bind(socket);
  let hasLetGo = false;
  // INVARIANT: without an error only we destroy it. On Linux the kernel hangs the terminal up when its
  // first process ends, so the read that finds the end (EIO) always comes, after the last byte.
  socket.destroy = (error?: Error) => (error === undefined && !hasLetGo ? socket : destroy(error));

  return {
    pid: terminal.pid,
    listen(listener) {
      socket.on('data', (chunk: Buffer) => listener.onData(chunk));
      socket.on('drain', () => listener.onDrain());
      terminal.onExit(({ exitCode, signal }) => {
        const name = signal === undefined || signal === 0 ? undefined : signalNames.get(signal);
        listener.onEnd(name === undefined ? { code: exitCode } : { signal: name.replace(/^SIG/, '') });
      });
      socket.resume();
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    write: (chunk) => socket.destroyed || socket.write(chunk),
    resize(cols, rows) {
      if (!socket.destroyed) terminal.resize(cols, rows);
    },
    destroy() {
      hasLetGo = true;
      destroy();
    },
  };
}
