// A command as somebody typed it into one text, as words.

import { commandWords } from '../../core/command-words.ts';
import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';

/** Throws `invalid`. */
export function requireCommand(command: string): readonly string[] {
  const words = commandWords(command);
  if (words !== undefined && words.length > 0) return words;
  throw new SallyportError('invalid', `"${printable(command, 80)}" is not a command`, {
    next: 'write it as in a shell, with quotes closed',
  });
}
