// What a sign-in brought, checked before it is kept: the certificate is for the key made here and for who signed
// in, and the keyset leads from the root of the first contact.

import { X509Certificate } from 'node:crypto';
import type { IdentityKind } from '../core/identity.ts';
import type { KnownBroker } from '../link/first-contact.ts';
import { spkiOf, type KeyPair } from '../platform/keys.ts';
import { openKeyset } from '../wire/keyset.ts';
import { keyId, spkiThumbprint } from '../wire/signed.ts';
import { peerOf } from '../wire/tls-peer.ts';
import type { Profile } from './profile.ts';
import { lifeOf, others } from './renewal.ts';

export interface Brought {
  readonly kind: IdentityKind;
  readonly id: string;
  readonly name: string;
  readonly certificate: string;
  readonly keyset: string;
  readonly addresses?: readonly string[] | undefined;
}

export type PinnedBroker = Pick<KnownBroker, 'root' | 'trustDomain'>;

/** Undefined when it is not ours. */
export function newProfile(
  { kind, id, name, certificate, keyset, addresses = [] }: Brought,
  {
    address,
    broker,
    key,
  }: { readonly address: string; readonly broker: PinnedBroker; readonly key: KeyPair },
): Profile | undefined {
  const peer = peerOf(new X509Certificate(certificate));
  const isOurs =
    typeof peer !== 'string' &&
    peer.kind === kind &&
    peer.id === id &&
    peer.trustDomain === broker.trustDomain &&
    peer.spki === spkiThumbprint(key.publicKey);
  const opened = openKeyset(keyset, new X509Certificate(broker.root));
  if (!isOurs || opened === undefined) return undefined;
  return {
    broker: address,
    also: others(addresses, address),
    trustDomain: broker.trustDomain,
    root: opened.root.toString(),
    id,
    name,
    certificate,
    spki: spkiOf(key.publicKey).toString('base64url'),
    kid: keyId(key.publicKey),
    ...lifeOf(certificate),
  };
}
