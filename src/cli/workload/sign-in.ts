// sallyport login ADDRESS --workload NAME: a machine signs in by what proves what it is. The key is made here, for
// this sign-in alone; the certificate ends within minutes, and the next job signs in anew.

import type { WorkloadSignedIn } from '../../api/workloads.ts';
import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { apiRequest } from '../../link/api-client.ts';
import { firstContact } from '../../link/first-contact.ts';
import { createCsr } from '../../platform/csr.ts';
import { generateP256 } from '../../platform/keys.ts';
import { spkiThumbprint } from '../../wire/signed.ts';
import { localTimeAndDistance } from '../moment.ts';
import { newProfile } from '../new-profile.ts';
import { printFields, printJson } from '../output.ts';
import { storeSignIn } from '../profile.ts';
import { proxyTo } from '../proxy.ts';
import { ownToken } from './own-token.ts';

export interface WorkloadOptions {
  readonly address: string;
  readonly workload: string;
  readonly root: string;
  readonly key?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly audience?: string | undefined;
  readonly json?: boolean;
}

export async function signInWorkload(options: WorkloadOptions, now: number): Promise<number> {
  const { address, workload: name } = options;
  const proxy = await proxyTo(address);
  const broker = await firstContact({ address, proxy, rootFingerprint: options.root, now });
  const key = generateP256();
  const spki = spkiThumbprint(key.publicKey);
  const assertion = await ownToken({
    name,
    trustDomain: broker.trustDomain,
    spki,
    keyFile: options.key,
    tokenFile: options.tokenFile,
    audience: options.audience,
    env: process.env,
  });
  const { body } = await apiRequest({
    address,
    proxy,
    root: broker.root,
    trustDomain: broker.trustDomain,
    method: 'POST',
    path: '/v1/workloads/sign-in',
    body: { identity: name, assertion, csr: await createCsr(key.privateKey) },
  });
  const signedIn = body as WorkloadSignedIn;
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
  if (options.json === true)
    printJson({ broker: address, id: signedIn.id, name: signedIn.name, notAfter: until });
  else {
    printFields([
      ['signed in as', `${printable(signedIn.name)} (${signedIn.kind})`],
      ['broker', `${printable(signedIn.broker)} (${address})`],
      ['until', localTimeAndDistance(until, now)],
    ]);
  }
  return 0;
}
