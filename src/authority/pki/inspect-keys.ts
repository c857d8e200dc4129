// The keys of an authority that does not run, looked at and left alone: whether they belong together, and until
// when they hold. What is due is renewed by the broker itself, under its own user.

import type { X509Certificate } from 'node:crypto';
import { loadPrivateKey } from '../../platform/keys.ts';
import { openKeyset } from '../../wire/keyset.ts';
import type { Authorities } from './authority-keys.ts';
import { authority, isIssuingCa } from './ca.ts';
import { KeyFiles, signerNames } from './key-files.ts';
import { keysetKey, sameKeys } from './keyset.ts';

export interface KeyFacts {
  /** Unix ms. */
  readonly issuingEndsAt: number;
  readonly keysetVersion: number;
  readonly keysetEndsAt: number;
  /** What will expire and cannot be renewed, in words. */
  readonly warnings: readonly string[];
}

export function keyFacts({ issuingCa, keyset, warnings }: Authorities): KeyFacts {
  return {
    issuingEndsAt: issuingCa.certificate.validToDate.getTime(),
    keysetVersion: keyset.version,
    keysetEndsAt: keyset.notAfter,
    warnings,
  };
}

/** Throws SallyportError or FileFault with words where they are damaged, missing or foreign to each other. */
export async function inspectKeys(dir: string): Promise<KeyFacts> {
  const files = new KeyFiles(dir);
  const root = await files.readCertificate('root.pem');
  if (root === undefined) throw files.unusable('root.pem', 'is missing');
  const statement = (await files.readText('keyset.txt'))?.trim() ?? '';
  const keyset = openKeyset(statement, root)?.keyset;
  if (keyset === undefined) throw files.unusable('keyset.txt', 'was not signed by the root beside it');
  const issuing = await readIssuing(files, root);
  const keys = [keysetKey('ca', issuing.privateKey)];
  for (const name of signerNames) {
    const key = await loadPrivateKey(files.path(`${name}.key`));
    if (key === undefined) throw files.unusable(`${name}.key`, 'is missing');
    keys.push(keysetKey(name, key));
  }
  if (!sameKeys(keyset.keys, keys)) {
    throw files.unusable('keyset.txt', 'names other keys than those beside it');
  }
  return {
    issuingEndsAt: issuing.certificate.validToDate.getTime(),
    keysetVersion: keyset.version,
    keysetEndsAt: keyset.notAfter,
    warnings: [],
  };
}

async function readIssuing(files: KeyFiles, root: X509Certificate) {
  const held = await files.readIdentity('issuing.pem');
  if (held === undefined) throw files.unusable('issuing.pem', 'is missing');
  const ca = authority(held.certificates.join(''), held.privateKey);
  if (isIssuingCa(ca.certificate, root)) return ca;
  throw files.unusable('issuing.pem', 'was not signed by the root beside it');
}
