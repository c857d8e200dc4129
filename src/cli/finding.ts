// One finding of a command that checks several things, as lines for a person: doctor, agent preflight.

import { printable } from '../core/printable.ts';
import { print, tone, type Tone } from './output.ts';

export interface Finding {
  readonly state: 'ok' | 'warning' | 'failed';
  readonly name: string;
  readonly says: string;
  readonly next?: string | undefined;
}

const tones: Readonly<Record<Finding['state'], Tone>> = { ok: 'good', warning: 'warn', failed: 'bad' };

export function printFinding({ state, name, says, next }: Finding): void {
  print(`${tone(tones[state], state.padEnd(7))}  ${name.padEnd(8)}  ${printable(says, 600)}`);
  if (next !== undefined) print(`${' '.repeat(19)}next: ${printable(next, 600)}`);
}
