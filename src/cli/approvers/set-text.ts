// An approver set as people read it, at the broker and on the device: from the text that is signed, and from nothing
// beside it.

import type { ApproverSet } from '../../core/approver-set.ts';
import { printable } from '../../core/printable.ts';
import { approverSetDigest } from '../../wire/approver-set.ts';
import { localTimeAndDistance } from '../moment.ts';
import type { Field } from '../output.ts';

export function setFields(set: ApproverSet, now: number): readonly Field[] {
  return [
    ['broker', printable(set.broker)],
    ['version', String(set.version)],
    ...set.persons.map((person): Field => [
      'person',
      `${printable(person.name)}: ${amount(person.passkeys.length, 'passkey')}, ${amount(person.keys.length, 'key')}`,
    ]),
    ['it takes', `${set.threshold} of ${set.persons.length}`],
    ['passkeys for', set.rpId === '' ? undefined : set.origins.map((origin) => printable(origin)).join(', ')],
    ['expires', localTimeAndDistance(new Date(set.expiresAt).toISOString(), now)],
    ['fingerprint', approverSetDigest(set)],
  ];
}

function amount(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
