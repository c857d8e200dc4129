// A change that waits for a second administrator, as people read it.

import type { ChangeView } from '../api/changes.ts';
import { printable } from '../core/printable.ts';
import { localTimeAndDistance } from './moment.ts';
import { print, printFields, printableLines } from './output.ts';

/** `inForce`: the files of the revision that the policy would follow. */
export function printChange(
  change: ChangeView,
  now: number,
  inForce: Readonly<Record<string, string>> = {},
): void {
  printFields([
    ['change', change.id],
    ['what', printable(change.what, 200)],
    ['asked by', printable(change.askedBy.name)],
    ['asked', localTimeAndDistance(change.askedAt, now)],
    ['state', change.state],
    ['decided by', change.decidedBy === undefined ? undefined : printable(change.decidedBy.name)],
    ['because', change.why === undefined ? undefined : printable(change.why, 200)],
    ['decide by', change.state === 'pending' ? localTimeAndDistance(change.expiresAt, now) : undefined],
  ]);
  const files = change.policy?.files;
  if (files === undefined) return;
  for (const name of [...new Set([...Object.keys(inForce), ...Object.keys(files)])].sort()) {
    const [before, after] = [inForce[name], files[name]];
    if (before === after) continue;
    if (before !== undefined) printFile('-', name, before);
    if (after !== undefined) printFile('+', name, after);
  }
}

function printFile(sign: '-' | '+', name: string, text: string): void {
  print(`${sign} ${printable(name, 200)}`);
  for (const line of printableLines(text).split('\n')) print(`${sign} ${line}`);
}
