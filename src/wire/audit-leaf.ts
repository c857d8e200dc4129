// One leaf of the audit log (docs/audit.md): a pseudonymous envelope, and the salted hash of a body that
// can be erased. Here the bytes are put together and hashed; audit-chain.ts verifies them, the authority
// gives each its place.
//
//   bodyHash    = SHA-256(salt || body text)
//   leafHash    = SHA-256(0x00 || envelope text)                       as RFC 6962 hashes a leaf
//   chainHash_n = SHA-256(0x02 || chainHash_(n-1) || leafHash_n)       chainHash_0 = SHA-256("sallyport/audit/v1")

import { createHash } from 'node:crypto';
import type { EventDraft } from '../core/event.ts';
import type { EventId } from '../core/ids.ts';
import { canonicalJson } from '../core/json.ts';

/** One line of the log with what a verifier needs. Hashes are base64url SHA-256. */
export interface Leaf {
  readonly seq: number;
  /** RFC 8785 text of the envelope, with `bodyHash`: exactly what was hashed. */
  readonly envelope: string;
  /** 32 random bytes, base64url; absent once the body was erased. */
  readonly salt?: string;
  /** RFC 8785 text; absent once erased. */
  readonly body?: string;
  readonly leafHash: string;
  readonly chainHash: string;
}

/** What an event says of itself outside its body. */
export type EnvelopeFields = Omit<EventDraft, 'body'>;

export interface LeafParts {
  readonly fields: EnvelopeFields;
  readonly seq: number;
  readonly id: EventId;
  readonly time: string;
  /** RFC 8785 text of the body. */
  readonly body: string;
  /** 32 fresh random bytes: without them a hash of a short body could be guessed back. */
  readonly salt: Uint8Array;
  /** chainHash of the leaf before. */
  readonly previous: string;
}

export const envelopeVersion = 1;

/** The hash that an empty log ends in. */
export const firstChainHash: string = createHash('sha256').update('sallyport/audit/v1').digest('base64url');

export function makeLeaf(parts: LeafParts): Leaf {
  const salt = Buffer.from(parts.salt).toString('base64url');
  const envelope = envelopeText(parts, hashBody(parts.body, salt));
  const leafHash = hashEnvelope(envelope);
  return {
    seq: parts.seq,
    envelope,
    salt,
    body: parts.body,
    leafHash,
    chainHash: nextChainHash(parts.previous, leafHash),
  };
}

export function hashBody(body: string, salt: string): string {
  return createHash('sha256').update(Buffer.from(salt, 'base64url')).update(body).digest('base64url');
}

export function hashEnvelope(envelope: string): string {
  return createHash('sha256').update(leafPrefix).update(envelope).digest('base64url');
}

export function nextChainHash(previous: string, leafHash: string): string {
  return createHash('sha256')
    .update(chainPrefix)
    .update(Buffer.from(previous, 'base64url'))
    .update(Buffer.from(leafHash, 'base64url'))
    .digest('base64url');
}

// 0x01 stays free for the inner nodes of the Merkle tree over the same leaves.
const leafPrefix = Buffer.of(0x00);
const chainPrefix = Buffer.of(0x02);

// The members are listed one by one: what a draft carries besides cannot slip into what is never erased.
function envelopeText({ fields, seq, id, time }: LeafParts, bodyHash: string): string {
  return canonicalJson({
    v: envelopeVersion,
    seq,
    id,
    time,
    tenant: fields.tenant,
    type: fields.type,
    actor: { kind: fields.actor.kind, id: fields.actor.id },
    outcome: fields.outcome,
    code: fields.code,
    identity: fields.identity,
    device: fields.device,
    service: fields.service,
    session: fields.session,
    link: fields.link,
    lock: fields.lock,
    credential: fields.credential,
    request: fields.request,
    policy: fields.policy,
    policies: fields.policies,
    bodyHash,
  });
}
