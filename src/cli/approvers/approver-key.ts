// The key that a person approves with where devices look at approvals themselves: made here, it never leaves this
// machine, and it outlives the sign-in, so that devices can pin it. It signs nobody in.
//
//   $SALLYPORT_HOME/approver-keys/<broker>.pem     P-256, PKCS#8

import { createPublicKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { ensurePrivateDir, removeFile } from '../../platform/files.ts';
import { generateP256, loadPrivateKey, spkiOf, storePrivateKey } from '../../platform/keys.ts';
import { keyIdOf, spkiThumbprint } from '../../wire/signed.ts';
import { homePath } from '../profile.ts';

export interface ApproverKey {
  readonly privateKey: KeyObject;
  /** SPKI DER, base64url, and its thumbprint. */
  readonly spki: string;
  readonly thumbprint: string;
  readonly kid: string;
}

function pathOf(broker: string): string {
  return join(homePath(), 'approver-keys', `${encodeURIComponent(broker)}.pem`);
}

/** Undefined where this machine has none for that broker. */
export async function loadApproverKey(broker: string): Promise<ApproverKey | undefined> {
  const key = await loadPrivateKey(pathOf(broker));
  return key === undefined ? undefined : describe(key);
}

export async function makeApproverKey(broker: string): Promise<ApproverKey> {
  const { privateKey } = generateP256();
  await ensurePrivateDir(homePath());
  await ensurePrivateDir(join(homePath(), 'approver-keys'));
  await storePrivateKey(pathOf(broker), privateKey);
  return describe(privateKey);
}

export async function forgetApproverKey(broker: string): Promise<void> {
  await removeFile(pathOf(broker));
}

function describe(privateKey: KeyObject): ApproverKey {
  const publicKey = createPublicKey(privateKey);
  const thumbprint = spkiThumbprint(publicKey);
  return { privateKey, spki: spkiOf(publicKey).toString('base64url'), thumbprint, kid: keyIdOf(thumbprint) };
}
