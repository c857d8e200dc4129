// A program on a terminal of its own, as a person has it. Ended like every process that the bench starts.

import { spawn } from '@lydell/node-pty';
import { adopt, type Command } from './processes.ts';

export interface Terminal {
  /** What it has printed so far. */
  said(): string;
  /** Called with each piece as it comes. */
  onText(listen: (text: string) => void): void;
  type(text: string): void;
  /** Resolves at its end; rejects with its words when that was not status 0, or it had to be killed. */
  readonly ended: Promise<void>;
  kill(): void;
}

export interface TerminalOptions {
  /** Killed then. */
  readonly maxMs: number;
}

export function openTerminal(command: Command, { maxMs }: TerminalOptions): Terminal {
  const terminal = spawn(command.file, [...command.args], {
    cols: 80,
    rows: 24,
    env: { ...process.env, ...command.env },
  });
  const release = adopt(terminal.pid);
  let hasEnded = false;
  const kill = (): void => {
    if (!hasEnded) terminal.kill('SIGKILL');
  };
  const timer = setTimeout(kill, maxMs);
  let said = '';
  terminal.onData((text) => {
    said += text;
  });
  const ended = new Promise<void>((resolve, reject) => {
    terminal.onExit(({ exitCode, signal }) => {
      hasEnded = true;
      release();
      clearTimeout(timer);
      if (exitCode === 0 && (signal ?? 0) === 0) resolve();
      else
        reject(
          new Error(
            `"${command.args.join(' ')}" ended with ${exitCode}, signal ${signal ?? 0}: ${said.trim()}`,
          ),
        );
    });
  });
  // Whoever waits for something else first hears of it all the same.
  ended.catch(() => undefined);
  return {
    said: () => said,
    onText: (listen) => void terminal.onData(listen),
    type: (text) => terminal.write(text),
    ended,
    kill,
  };
}
