// The issuing CA turns over while everything goes on: a new key and certificate, a keyset that names it, and the
// old certificate kept as long as anything that it signed may still be shown. The old private key is gone.
//
// Whatever moment the power goes, the next start finds one of two states: the new CA's file lies beside, and the
// keyset does not name it yet (it is removed), or does (it takes its place).

import { X509Certificate } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { SallyportError } from '../../core/errors.ts';
import { parseJsonObject } from '../../core/json.ts';
import type { Keyset } from '../../core/keys.ts';
import { limits } from '../../core/limits.ts';
import type { Clock } from '../../platform/clock.ts';
import { removeFile } from '../../platform/files.ts';
import { generateP256 } from '../../platform/keys.ts';
import type { Random } from '../../platform/random.ts';
import { text, whole } from '../../wire/fields.ts';
import { createIssuingCa, type CertificateAuthority } from './ca.ts';
import type { KeyFiles } from './key-files.ts';
import { keysetKey, signKeyset } from './keyset.ts';
import type { Succession } from './succession.ts';

const nextFile = 'issuing.next.pem';
const retiredFile = 'issuing.retired.json';

/** An issuing CA that signs no more. */
export interface RetiredIssuer {
  readonly certificate: X509Certificate;
  /** Of the root that signed it. */
  readonly rootPem: string;
  /** Unix ms: by then the longest certificate that it signed has ended. */
  readonly until: number;
}

export interface Rotation {
  readonly files: KeyFiles;
  readonly clock: Clock;
  readonly random: Random;
  /** Signs the new one and the keyset. */
  readonly root: CertificateAuthority;
  readonly succession: Succession;
  readonly old: CertificateAuthority;
  /** Of the root that signed the old one. */
  readonly oldRootPem: string;
  readonly keyset: Keyset;
}

export async function rotateIssuing(rotation: Rotation): Promise<void> {
  const { files, clock, random, root, succession, old, oldRootPem, keyset } = rotation;
  const now = clock.now();
  const { privateKey } = generateP256();
  const { trustDomain } = keyset;
  const made = await createIssuingCa(root, { trustDomain, privateKey, now, random });
  await files.writeIdentity(nextFile, { privateKey, certificates: [made.certificatePem] });
  const retired = (await readRetired(files, oldRootPem)).filter(({ until }) => until > now);
  const until = now + limits.humanCertificateLifeMs;
  const leaving = { certificate: old.certificate, rootPem: oldRootPem, until };
  await writeRetired(files, [...retired, leaving]);
  const next: Keyset = {
    ...keyset,
    version: keyset.version + 1,
    notAfter: now + limits.keysetLifeMs,
    keys: keyset.keys.map((key) => (key.purpose === 'ca' ? keysetKey('ca', privateKey) : key)),
  };
  await files.writeText('keyset.txt', `${succession.behind(signKeyset(next, root.privateKey))}\n`);
  await finishRotation(files, next);
}

/** What an interrupted rotation left behind takes its place, or goes. */
export async function finishRotation(files: KeyFiles, keyset: Keyset | undefined): Promise<void> {
  const next = await files.readIdentity(nextFile);
  if (next === undefined) return;
  const { kid } = keysetKey('ca', next.privateKey);
  const isNamed = keyset?.keys.some((key) => key.purpose === 'ca' && key.kid === kid) === true;
  if (isNamed) await rename(files.path(nextFile), files.path('issuing.pem'));
  else await removeFile(files.path(nextFile));
}

/** `rootPem`: of the root here, which signed those of which nothing else is written. */
export async function readRetired(files: KeyFiles, rootPem: string): Promise<readonly RetiredIssuer[]> {
  const stored = parseJsonObject((await files.readText(retiredFile)) ?? '{}');
  const list = stored?.['retired'] ?? [];
  if (!Array.isArray(list)) throw files.unusable(retiredFile, 'is damaged');
  return (list as readonly Record<string, unknown>[]).map((entry) => {
    const pem = text(entry, 'certificate');
    const until = whole(entry, 'until');
    const root = text(entry, 'root') ?? rootPem;
    if (pem === undefined || until === undefined) throw files.unusable(retiredFile, 'is damaged');
    return { certificate: new X509Certificate(pem), rootPem: root, until };
  });
}

async function writeRetired(files: KeyFiles, retired: readonly RetiredIssuer[]): Promise<void> {
  const list = retired.map(({ certificate, rootPem, until }) => ({
    certificate: certificate.toString(),
    root: rootPem,
    until,
  }));
  await files.writeText(retiredFile, `${JSON.stringify({ retired: list }, null, 2)}\n`);
}

/** In words, for whoever keeps the root key elsewhere. */
export function rootIsAway(dir: string): SallyportError {
  return new SallyportError(
    'conflict',
    "the root key is not here, and only it signs what takes its or an issuing CA's place",
    {
      next: `put "root.key" into "${dir}", rotate, and take it away again`,
    },
  );
}
