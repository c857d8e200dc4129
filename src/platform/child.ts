// A part of the broker as a child process: this program again, with other arguments. The child tells by
// one message that it is ready, or why it cannot start; its standard error is ours.

import { spawn, type ChildProcess } from 'node:child_process';

export interface ChildMessage {
  readonly ready?: Readonly<Record<string, string | number>>;
  /** It cannot start: in words, and what to do. */
  readonly fault?: { readonly code: string; readonly message: string; readonly next?: string };
}

export interface Part {
  readonly process: ChildProcess;
  /** What it said, or undefined when it ended without a word. */
  readonly started: Promise<ChildMessage | undefined>;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** `nodeFlags` go before the program: memory limits, the permission model. */
export function startPart(args: readonly string[], nodeFlags: readonly string[] = []): Part {
  const program = process.argv[1] ?? '';
  const child = spawn(process.execPath, [...process.execArgv, ...nodeFlags, program, ...args], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: 1, signal: null }));
  });
  const started = new Promise<ChildMessage | undefined>((resolve) => {
    child.once('message', (message) => resolve(message as ChildMessage));
    void exited.then(() => resolve(undefined));
  });
  return { process: child, started, exited };
}

/** For the child: tells the parent. Without a parent (started by hand) it does nothing. */
export function tellParent(message: ChildMessage): void {
  process.send?.(message);
}

/** The words of whatever stopped a start: our own errors carry a code and what to do next. */
export function faultOf(error: unknown): NonNullable<ChildMessage['fault']> {
  if (!(error instanceof Error)) return { code: 'internal', message: String(error) };
  const { code, next } = error as { readonly code?: unknown; readonly next?: unknown };
  return {
    code: typeof code === 'string' ? code : 'internal',
    message: error.message,
    ...(typeof next === 'string' ? { next } : {}),
  };
}
