// A sign-in that the broker granted is checked, kept, and told.

import type { WorkloadSignedIn } from '../../api/workloads.ts';
import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { KeyPair } from '../../platform/keys.ts';
import { localTimeAndDistance } from '../moment.ts';
import { newProfile, type PinnedBroker } from '../new-profile.ts';
import { printFields, printJson } from '../output.ts';
import { storeSignIn } from '../profile.ts';

export interface Granted {
  readonly address: string;
  readonly broker: PinnedBroker;
  readonly key: KeyPair;
  readonly isJson: boolean;
}

export async function keepSignIn(
  signedIn: WorkloadSignedIn,
  { address, broker, key, isJson }: Granted,
): Promise<void> {
  const profile = newProfile(signedIn, { address, broker, key });
  if (profile === undefined) {
    throw new SallyportError(
      'internal',
      `"${address}" answered with a certificate that is not for the key made here`,
      { next: 'check that broker and command are of the same version' },
    );
  }
  await storeSignIn(profile, key.privateKey);
  const until = new Date(profile.notAfter).toISOString();
  const { id, name, kind } = signedIn;
  if (isJson) return printJson({ broker: address, id, name, notAfter: until });
  printFields([
    ['signed in as', kind === 'human' ? printable(name) : `${printable(name)} (${kind})`],
    ['broker', `${printable(signedIn.broker)} (${address})`],
    ['until', localTimeAndDistance(until, Date.now())],
  ]);
}
