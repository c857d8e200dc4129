// sallyport login ADDRESS --workload NAME: a machine signs in by what proves what it is. The key is made here, for
// this sign-in alone; the certificate ends within minutes, and the next job signs in anew.

import type { WorkloadSignedIn } from '../../api/workloads.ts';
import { apiRequest } from '../../link/api-client.ts';
import { firstContact } from '../../link/first-contact.ts';
import { createCsr } from '../../platform/csr.ts';
import { generateP256 } from '../../platform/keys.ts';
import { spkiThumbprint } from '../../wire/signed.ts';
import { proxyTo } from '../proxy.ts';
import { keepSignIn } from '../sign-in/keep.ts';
import { ownToken } from './own-token.ts';

export interface WorkloadOptions {
  readonly address: string;
  readonly workload: string;
  readonly root: string;
  readonly key?: string | undefined;
  readonly svid?: string | undefined;
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
    svidFile: options.svid,
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
  await keepSignIn(body as WorkloadSignedIn, { address, broker, key, isJson: options.json === true });
  return 0;
}
