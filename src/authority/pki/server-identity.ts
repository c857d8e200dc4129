// The authority's own TLS identity: kind `authority`, with the host names and addresses under which
// clients reach it. Kept in server.pem so that a restart does not change it; made anew, key included,
// when a third of its life is left, or its names or its CA changed.

import { X509Certificate } from 'node:crypto';
import { limits } from '../../core/limits.ts';
import { formatSpiffe, type SpiffeName } from '../../core/spiffe.ts';
import type { Clock } from '../../platform/clock.ts';
import { generateP256, privatePem } from '../../platform/keys.ts';
import type { Random } from '../../platform/random.ts';
import { peerOf } from '../../wire/tls-peer.ts';
import type { Authorities } from './authority-keys.ts';
import { KeyFiles, pemBlocks, type KeyedCertificates } from './key-files.ts';
import { issueLeaf } from './leaf.ts';

export interface ServerIdentityOptions {
  readonly authorities: Authorities;
  readonly dir: string;
  readonly clock: Clock;
  readonly random: Random;
  /** The authority's own id in its SPIFFE name. */
  readonly id: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** As tls.createSecureContext takes it. */
export interface ServerIdentity {
  readonly key: string;
  /** Leaf, issuing CA, roots: a client at first contact checks up to the root's fingerprint. */
  readonly cert: string;
  readonly serial: string;
  readonly notAfter: number;
  /** When to call again. */
  readonly renewAt: number;
  /** Whether this call made it. */
  readonly isNew: boolean;
}

const fileName = 'server.pem';
const renewBelow = 1 / 3;

export async function renewServerIdentity(options: ServerIdentityOptions): Promise<ServerIdentity> {
  const { authorities, clock, random } = options;
  const files = new KeyFiles(options.dir);
  const held = await files.readIdentity(fileName);
  if (held !== undefined && isCurrent(held, options)) return identityOf(held, false);

  const { publicKey, privateKey } = generateP256();
  const leaf = await issueLeaf(authorities.issuingCa, {
    publicKey,
    name: nameOf(options),
    dnsNames: options.dnsNames,
    ipAddresses: options.ipAddresses,
    lifeMs: limits.authorityCertificateLifeMs,
    now: clock.now(),
    random,
  });
  const certificates = pemBlocks(leaf.chainPem + authorities.rootChainPem, 'CERTIFICATE');
  await files.writeIdentity(fileName, { privateKey, certificates });
  return identityOf({ privateKey, certificates }, true);
}

function identityOf(held: KeyedCertificates, isNew: boolean): ServerIdentity {
  const leaf = new X509Certificate(held.certificates[0] ?? '');
  const notAfter = leaf.validToDate.getTime();
  return {
    key: privatePem(held.privateKey),
    cert: held.certificates.join(''),
    serial: leaf.serialNumber.toLowerCase(),
    notAfter,
    renewAt: notAfter - limits.authorityCertificateLifeMs * renewBelow,
    isNew,
  };
}

function isCurrent(held: KeyedCertificates, options: ServerIdentityOptions): boolean {
  const { authorities, dnsNames, ipAddresses } = options;
  const [leafPem = '', ...signers] = held.certificates;
  if (signers.join('') !== authorities.issuingCa.certificatePem + authorities.rootChainPem) return false;
  const leaf = new X509Certificate(leafPem);
  const now = options.clock.now();
  const peer = peerOf(leaf, { now });
  if (typeof peer === 'string' || formatSpiffe(peer) !== formatSpiffe(nameOf(options))) return false;
  if (now >= identityOf(held, false).renewAt) return false;
  // One entry is the SPIFFE name.
  const hosts = (leaf.subjectAltName?.split(', ').length ?? 0) - 1;
  return (
    hosts === new Set([...dnsNames, ...ipAddresses]).size &&
    dnsNames.every((name) => leaf.checkHost(name, { wildcards: false }) !== undefined) &&
    ipAddresses.every((address) => leaf.checkIP(address) !== undefined)
  );
}

function nameOf({ authorities, id }: ServerIdentityOptions): SpiffeName {
  return { trustDomain: authorities.trustDomain, env: authorities.env, kind: 'authority', id };
}
