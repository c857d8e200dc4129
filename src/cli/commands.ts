// The one list of commands, and how typed words find one of them. Everything that shows or checks
// commands reads this list: main, help, completion, and the test that holds the README to it.

import { administration } from './catalogue/administration.ts';
import { governing } from './catalogue/governing.ts';
import { daily } from './catalogue/daily.ts';
import { deciding } from './catalogue/deciding.ts';
import { running } from './catalogue/running.ts';
import type { CommandSpec } from './catalogue/spec.ts';

const everyCommand: readonly CommandSpec[] = [
  ...running,
  ...daily,
  ...deciding,
  ...administration,
  ...governing,
];

/** The commands that people use. */
export const commands: readonly CommandSpec[] = everyCommand.filter((spec) => spec.isHidden !== true);

export type Found =
  | { readonly kind: 'command'; readonly spec: CommandSpec; readonly args: readonly string[] }
  /** A noun without its verb: "sessions". */
  | { readonly kind: 'noun'; readonly noun: string; readonly verb: string | undefined }
  | { readonly kind: 'unknown'; readonly typed: string };

/** The command that the words begin with. */
export function findCommand(words: readonly string[]): Found {
  const [first = '', second] = words;
  const direct = everyCommand.find((spec) => spec.path === first);
  if (direct !== undefined) return { kind: 'command', spec: direct, args: words.slice(1) };
  const both = everyCommand.find((spec) => spec.path === `${first} ${second}`);
  if (both !== undefined) return { kind: 'command', spec: both, args: words.slice(2) };
  return commandsOf(first).length > 0
    ? { kind: 'noun', noun: first, verb: second }
    : { kind: 'unknown', typed: first };
}

/** "sessions" -> sessions ls, show, end. */
export function commandsOf(noun: string): readonly CommandSpec[] {
  return commands.filter((spec) => spec.path.startsWith(`${noun} `));
}

/** The words that may stand first. */
export function firstWords(): readonly string[] {
  return [...new Set(commands.map((spec) => spec.path.split(' ')[0] ?? ''))];
}
