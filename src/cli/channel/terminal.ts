// The local terminal while a remote one is shown in it: raw mode, size, and giving it back. It is given
// back on every way out, an exception and a signal among them: the process's own 'exit' event sees to it.

import type { ReadStream } from 'node:tty';
import { isCells, type PtyParams } from '../../core/channel.ts';
import { SallyportError } from '../../core/errors.ts';

const termPattern = /^[A-Za-z0-9][A-Za-z0-9+._-]{0,63}$/;
const termDefault = 'xterm-256color';

/** Throws `invalid` when there is no terminal to show a remote one in. */
export function localPty(what: string, instead: string): PtyParams {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new SallyportError('invalid', `${what} needs a terminal, and this is not one`, { next: instead });
  }
  const term = process.env['TERM'] ?? '';
  return { term: termPattern.test(term) ? term : termDefault, ...terminalSize() };
}

export function terminalSize(): { readonly cols: number; readonly rows: number } {
  const { columns, rows } = process.stdout;
  return { cols: isCells(columns) ? columns : 80, rows: isCells(rows) ? rows : 24 };
}

// What a program that was cut could not undo itself: alternate screen, mouse, bracketed paste,
// application keys, hidden cursor, colours.
const undo =
  '\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1l\x1b>\x1b[?25h\x1b[0m';

export interface RawTerminal {
  /** Gives the terminal back. `wasCut`: a remote program may have left it in any state. */
  restore(options: { readonly wasCut: boolean }): void;
}

export function makeRaw(stdin: ReadStream): RawTerminal {
  let isRaw = true;
  const leave = (): void => {
    if (!isRaw) return;
    isRaw = false;
    stdin.setRawMode(false);
  };
  process.once('exit', leave);
  stdin.setRawMode(true);
  return {
    restore({ wasCut }) {
      if (!isRaw) return;
      leave();
      process.off('exit', leave);
      if (wasCut) process.stdout.write(`${undo}\r\n`);
    },
  };
}
