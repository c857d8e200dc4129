// The authority's keys and their lives: made on the first start, found again on every later one, renewed
// in time while the root key is at hand. The root key may be kept offline: then this says what is due and
// when. Where the files lie: key-files.ts.
//
// INVARIANT: a key that a signed keyset names is never replaced. Where its file is missing or another,
// starting fails and says so; nothing is made anew beside an existing trust.

import { createPublicKey, type X509Certificate } from 'node:crypto';
import { SallyportError } from '../../core/errors.ts';
import type { Keyset, KeysetKey } from '../../core/keys.ts';
import { limits } from '../../core/limits.ts';
import type { Clock } from '../../platform/clock.ts';
import { ensurePrivateDir } from '../../platform/files.ts';
import { generateEd25519, generateP256, loadPrivateKey, storePrivateKey } from '../../platform/keys.ts';
import type { Random } from '../../platform/random.ts';
import { openKeyset } from '../../wire/keyset.ts';
import { rootFingerprint } from '../../wire/roots.ts';
import { keyId, type Signer } from '../../wire/signed.ts';
import { authority, createIssuingCa, createRoot, isIssuingCa, type CertificateAuthority } from './ca.ts';
import { KeyFiles, type SignerName } from './key-files.ts';
import { keysetKey, sameKeys, signKeyset } from './keyset.ts';
import { finishRotation, readRetired, rootIsAway, rotateIssuing } from './rotate-issuing.ts';
import { finishRootRotation, rotateRoot } from './rotate-root.ts';
import { Succession } from './succession.ts';

export interface AuthorityKeysOptions {
  /** Of these keys alone. */
  readonly dir: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly trustDomain: string;
  readonly env: string;
}

/** Everything the authority signs with. */
export interface Authorities {
  readonly trustDomain: string;
  readonly env: string;
  readonly rootPem: string;
  /** As invites and tokens carry it (wire/roots.ts). */
  readonly rootFingerprint: string;
  /** PEM: what a server shows behind leaf and issuing CA, so that who pinned an older root believes it. */
  readonly rootChainPem: string;
  /** PEM: roots of certificates that may still be shown to this side. */
  readonly trustedRootsPem: string;
  readonly issuingCa: CertificateAuthority;
  /** This one, and those whose certificates may still be shown. */
  readonly acceptedIssuers: readonly X509Certificate[];
  readonly passSigner: Signer;
  readonly checkpointSigner: Signer;
  readonly assertionSigner: Signer;
  readonly keyset: Keyset;
  readonly keysetStatement: string;
  /** What this call made or renewed: each is an audit event. */
  readonly made: readonly MadeThing[];
  /** What will expire and cannot be renewed here, in words for the administrator. */
  readonly warnings: readonly string[];
}

export type MadeThing = 'root' | 'issuing_ca' | 'keyset';

/** A thing is renewed when less than this share of its life is left. */
const renewBelow = 1 / 3;

/** One call's surroundings; `made` and `warnings` are its growing answer. */
interface Work extends AuthorityKeysOptions {
  readonly files: KeyFiles;
  readonly now: number;
  readonly made: MadeThing[];
  readonly warnings: string[];
}

interface Root {
  readonly succession: Succession;
  readonly pem: string;
  readonly certificate: X509Certificate;
  /** Absent while the root key is offline. */
  readonly signing?: CertificateAuthority;
}

/** Also the renewal: called again, daily, it renews what is due and changes nothing else. */
export async function loadOrCreateAuthorityKeys(options: AuthorityKeysOptions): Promise<Authorities> {
  await ensurePrivateDir(options.dir);
  const files = new KeyFiles(options.dir);
  const work: Work = { ...options, files, now: options.clock.now(), made: [], warnings: [] };

  await finishRootRotation(files);
  const statement = (await files.readText('keyset.txt'))?.trim();
  const root = await findRoot(work, statement !== undefined);
  const known = statement === undefined ? undefined : readStatement(work, statement, root);
  await finishRotation(files, known?.keyset);
  const issuingCa = await findIssuingCa(work, root, known);
  const signers = {
    pass: await findSigner(work, 'pass', known),
    checkpoint: await findSigner(work, 'checkpoint', known),
    assertion: await findSigner(work, 'assertion', known),
  };
  const keys = [
    keysetKey('pass', signers.pass.privateKey),
    keysetKey('ca', issuingCa.privateKey),
    keysetKey('checkpoint', signers.checkpoint.privateKey),
    keysetKey('assertion', signers.assertion.privateKey),
  ];
  if (known !== undefined && !sameKeys(known.keyset.keys, keys)) {
    throw files.unusable('keyset.txt', 'names other keys than those beside it');
  }
  const signed = await currentKeyset(work, root, keys, known);
  const retired = (await readRetired(files, root.pem)).filter(({ until }) => until > work.now);
  return {
    trustDomain: options.trustDomain,
    env: options.env,
    rootPem: root.pem,
    rootFingerprint: rootFingerprint(root.certificate),
    rootChainPem: root.succession.pem,
    trustedRootsPem: [...new Set([root.pem, ...retired.map(({ rootPem }) => rootPem)])].join(''),
    issuingCa,
    acceptedIssuers: [issuingCa.certificate, ...retired.map(({ certificate }) => certificate)],
    passSigner: signers.pass,
    checkpointSigner: signers.checkpoint,
    assertionSigner: signers.assertion,
    keyset: signed.keyset,
    keysetStatement: signed.statement,
    made: work.made,
    warnings: work.warnings,
  };
}

export const rotatable = ['issuing', 'root'] as const;
export type Rotatable = (typeof rotatable)[number];

/** A new issuing CA or root, and a keyset that says so; loadOrCreateAuthorityKeys then finds them. */
export async function rotateKeys(options: AuthorityKeysOptions, what: Rotatable): Promise<void> {
  const { issuingCa, keyset } = await loadOrCreateAuthorityKeys(options);
  const { dir, clock, random } = options;
  const files = new KeyFiles(dir);
  const work: Work = { ...options, files, now: clock.now(), made: [], warnings: [] };
  const { signing, succession, pem } = await findRoot(work, true);
  if (signing === undefined) throw rootIsAway(dir);
  const rotation = {
    files,
    clock,
    random,
    root: signing,
    succession,
    old: issuingCa,
    oldRootPem: pem,
    keyset,
  };
  await (what === 'root' ? rotateRoot(rotation) : rotateIssuing(rotation));
}

async function findRoot(work: Work, hasKeyset: boolean): Promise<Root> {
  const { files } = work;
  const certificate = await files.readCertificate('root.pem');
  const key = await loadPrivateKey(files.path('root.key'));
  if (certificate === undefined) {
    if (hasKeyset) throw files.unusable('root.pem', 'is missing');
    // A start that was interrupted may have left the key: nobody has seen anything signed by it.
    const privateKey = key ?? generateP256().privateKey;
    if (key === undefined) await storePrivateKey(files.path('root.key'), privateKey);
    const root = await createRoot({ ...work, privateKey });
    await files.writeText('root.pem', root.certificatePem);
    work.made.push('root');
    const succession = await Succession.read(files, root.certificate);
    return { succession, pem: root.certificatePem, certificate: root.certificate, signing: root };
  }
  if (work.now < certificate.validFromDate.getTime()) {
    throw new SallyportError(
      'internal',
      `this machine's clock says ${minute(work.now)}, before the root was made (${minute(certificate.validFromDate.getTime())})`,
      { next: 'set the clock, then start again' },
    );
  }
  const pem = certificate.toString();
  const succession = await Succession.read(files, certificate);
  if (key === undefined) return { succession, pem, certificate };
  if (!certificate.checkPrivateKey(key)) throw files.unusable('root.key', 'is not the key of "root.pem"');
  return { succession, pem, certificate, signing: authority(pem, key) };
}

interface SignedKeyset {
  readonly statement: string;
  readonly keyset: Keyset;
}

function readStatement(work: Work, statement: string, root: Root): SignedKeyset {
  const keyset = openKeyset(statement, root.certificate)?.keyset;
  if (keyset === undefined) throw work.files.unusable('keyset.txt', 'was not signed by the root beside it');
  if (keyset.trustDomain !== work.trustDomain || keyset.env !== work.env) {
    throw new SallyportError(
      'internal',
      `"${work.dir}" belongs to "${keyset.trustDomain}" (${keyset.env}), not to "${work.trustDomain}" (${work.env})`,
      { next: 'start with the name it was made for, or choose another data directory' },
    );
  }
  return { statement, keyset };
}

async function findIssuingCa(
  work: Work,
  root: Root,
  known: SignedKeyset | undefined,
): Promise<CertificateAuthority> {
  const { files } = work;
  const held = await files.readIdentity('issuing.pem');
  if (held === undefined && known !== undefined) throw files.unusable('issuing.pem', 'is missing');
  const old = held === undefined ? undefined : authority(held.certificates.join(''), held.privateKey);
  if (old !== undefined && !isIssuingCa(old.certificate, root.certificate)) {
    throw files.unusable('issuing.pem', 'was not signed by the root beside it');
  }
  const oldEnd = old?.certificate.validToDate.getTime();
  const longest = Math.min(work.now + limits.issuingCaLifeMs, root.certificate.validToDate.getTime());
  const isDue = oldEnd === undefined || (isNearEnd(oldEnd, limits.issuingCaLifeMs, work) && longest > oldEnd);
  if (old !== undefined && (!isDue || warnedOffline(work, root, 'issuing CA', oldEnd))) return old;
  if (root.signing === undefined)
    throw files.unusable('root.key', 'is missing, and no issuing CA exists yet');
  // The same key: leaves signed before stay good, and the keyset need not change with it.
  const privateKey = old?.privateKey ?? generateP256().privateKey;
  const made = await createIssuingCa(root.signing, { ...work, privateKey });
  await files.writeIdentity('issuing.pem', { privateKey, certificates: [made.certificatePem] });
  work.made.push('issuing_ca');
  return made;
}

async function findSigner(work: Work, name: SignerName, known: SignedKeyset | undefined): Promise<Signer> {
  const path = work.files.path(`${name}.key`);
  let privateKey = await loadPrivateKey(path);
  if (privateKey === undefined) {
    if (known !== undefined) throw work.files.unusable(`${name}.key`, 'is missing');
    privateKey = generateEd25519().privateKey;
    await storePrivateKey(path, privateKey);
  }
  return { kid: keyId(createPublicKey(privateKey)), privateKey };
}

async function currentKeyset(
  work: Work,
  root: Root,
  keys: readonly KeysetKey[],
  known: SignedKeyset | undefined,
): Promise<SignedKeyset> {
  if (known !== undefined) {
    const { notAfter } = known.keyset;
    if (!isNearEnd(notAfter, limits.keysetLifeMs, work)) return known;
    if (warnedOffline(work, root, 'keyset', notAfter)) return known;
  }
  if (root.signing === undefined)
    throw work.files.unusable('root.key', 'is missing, and no keyset exists yet');
  const keyset: Keyset = {
    version: (known?.keyset.version ?? 0) + 1,
    trustDomain: work.trustDomain,
    env: work.env,
    notAfter: work.now + limits.keysetLifeMs,
    keys,
  };
  const statement = root.succession.behind(signKeyset(keyset, root.signing.privateKey));
  await work.files.writeText('keyset.txt', `${statement}\n`);
  work.made.push('keyset');
  return { statement, keyset };
}

/**
 * With the root key at hand: false, renew. Without it: a warning while the old one still holds, and an
 * end when it does not, since peers would refuse whatever is signed.
 */
function warnedOffline(work: Work, root: Root, what: string, notAfter: number | undefined): boolean {
  if (root.signing !== undefined || notAfter === undefined) return false;
  const next = `put "root.key" back into "${work.dir}" and start the broker once`;
  if (notAfter <= work.now) {
    throw new SallyportError(
      'internal',
      `the ${what} expired on ${day(notAfter)} and the root key is offline`,
      {
        next,
      },
    );
  }
  work.warnings.push(
    `the ${what} expires on ${day(notAfter)} and the root key is offline; ${next} before then`,
  );
  return true;
}

function isNearEnd(notAfter: number, lifeMs: number, work: Work): boolean {
  return notAfter - work.now < lifeMs * renewBelow;
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function minute(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16)}Z`;
}
