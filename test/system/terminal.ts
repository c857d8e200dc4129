// A person at a terminal: tmux holds a real one, types into it and reads its screen. Its server has a socket
// in the stage's folder and ends with the test.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { mustRun, runCommand, until } from './program.ts';

export interface TerminalOptions {
  readonly folder: string;
  readonly cols: number;
  readonly rows: number;
  readonly env: Readonly<Record<string, string>>;
}

/** Undefined: there is one. */
export async function whyNoTerminal(): Promise<string | undefined> {
  try {
    await mustRun(['tmux', '-V']);
    return undefined;
  } catch {
    return 'no tmux on this machine';
  }
}

export class Terminal {
  readonly #socket: string;

  private constructor(socket: string) {
    this.#socket = socket;
  }

  /** A plain sh in a terminal of this size. */
  static async open(options: TerminalOptions): Promise<Terminal> {
    const terminal = new Terminal(join(options.folder, 'tmux.sock'));
    const env = Object.entries(options.env).map(([name, value]) => `${name}=${value}`);
    const size = ['-x', String(options.cols), '-y', String(options.rows)];
    await mustRun(
      ['env', '-i', `PATH=${process.env['PATH'] ?? ''}`, 'TERM=xterm-256color', ...env].concat(
        ['tmux', '-S', terminal.#socket, '-f', '/dev/null', 'new-session', '-d'],
        size,
        ['sh'],
      ),
    );
    // Set from inside: some shells overwrite the one they inherit.
    await terminal.enters("PS1='here$ '");
    await terminal.shows(/^here\$ $/m);
    return terminal;
  }

  /** As typed, without the Enter. */
  async types(text: string): Promise<void> {
    await this.#tmux('send-keys', '-l', text);
  }

  async enters(line: string): Promise<void> {
    await this.types(line);
    await this.presses('Enter');
  }

  /** A key by tmux's name for it: "C-c", "Enter". */
  async presses(key: string): Promise<void> {
    await this.#tmux('send-keys', key);
  }

  async resizes(cols: number, rows: number): Promise<void> {
    await this.#tmux('resize-window', '-x', String(cols), '-y', String(rows));
  }

  /** What was and is on the screen; lines that were wrapped are one again. */
  async screen(): Promise<string> {
    return await this.#tmux('capture-pane', '-p', '-J', '-S', '-');
  }

  async shows(pattern: RegExp): Promise<RegExpExecArray> {
    let text = '';
    try {
      return await until(`the terminal shows ${pattern}`, async () => {
        text = await this.screen();
        return pattern.exec(text) ?? undefined;
      });
    } catch (error) {
      return assert.fail(`${error instanceof Error ? error.message : 'failed'}; it shows\n${text}`);
    }
  }

  async close(): Promise<void> {
    await runCommand(['tmux', '-S', this.#socket, 'kill-server']);
    await runCommand(['rm', '-f', this.#socket]);
  }

  async #tmux(...words: readonly string[]): Promise<string> {
    return await mustRun(['tmux', '-S', this.#socket, ...words]);
  }
}
