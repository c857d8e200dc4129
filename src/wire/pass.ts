// The pass and the operator's open (design section 4). The authority signs a pass for one channel; the
// operator's key signs the same open. The agent verifies both, so a gate cannot add a channel to
// somebody's session. Layout and checks: docs/protocol.md, "The pass".

import type { ServedKind } from '../core/channel.ts';
import { isServedKind } from '../core/channel.ts';
import { complete, text, whole, type Fields } from './fields.ts';

export interface Pass {
  /** Device id. */
  readonly device: string;
  readonly kind: ServedKind;
  readonly target: string;
  /** SHA-256 of the canonical parameters, base64url. */
  readonly paramsHash: string;
  /** Identity id and name, for attribution on the device. */
  readonly identity: string;
  readonly name: string;
  readonly session: string;
  /** Channel number in the session, chosen by the operator, used once. */
  readonly n: number;
  /** SPKI thumbprint of the operator's key. */
  readonly cnf: string;
  readonly via: 'operator' | 'gate';
  readonly linkNonce: string;
  /** Lease sequence at issue: the session counts as leased until a later lease arrives. */
  readonly leaseSeq: number;
  /** Unix ms. */
  readonly issuedAt: number;
  readonly startBy: number;
  readonly mustEndAt: number;
  readonly idleMs: number;
  readonly stateEpoch: number;
  readonly logSize: number;
}

/** What the operator's key signs. */
export interface Open {
  readonly session: string;
  readonly n: number;
  readonly kind: ServedKind;
  readonly target: string;
  readonly paramsHash: string;
  readonly linkNonce: string;
  /** The operator's public key, SPKI DER base64url: its thumbprint must be the pass's cnf. */
  readonly spki: string;
}

export function readPass(fields: Fields): Pass | undefined {
  const kind = fields['kind'];
  const via = fields['via'];
  return complete<Pass>({
    device: text(fields, 'device'),
    kind: isServedKind(kind) ? kind : undefined,
    target: text(fields, 'target'),
    paramsHash: text(fields, 'paramsHash'),
    identity: text(fields, 'identity'),
    name: text(fields, 'name'),
    session: text(fields, 'session'),
    n: whole(fields, 'n'),
    cnf: text(fields, 'cnf'),
    via: via === 'operator' || via === 'gate' ? via : undefined,
    linkNonce: text(fields, 'linkNonce'),
    leaseSeq: whole(fields, 'leaseSeq'),
    issuedAt: whole(fields, 'issuedAt'),
    startBy: whole(fields, 'startBy'),
    mustEndAt: whole(fields, 'mustEndAt'),
    idleMs: whole(fields, 'idleMs'),
    stateEpoch: whole(fields, 'stateEpoch'),
    logSize: whole(fields, 'logSize'),
  });
}

export function readOpen(fields: Fields): Open | undefined {
  const kind = fields['kind'];
  return complete<Open>({
    session: text(fields, 'session'),
    n: whole(fields, 'n'),
    kind: isServedKind(kind) ? kind : undefined,
    target: text(fields, 'target'),
    paramsHash: text(fields, 'paramsHash'),
    linkNonce: text(fields, 'linkNonce'),
    spki: text(fields, 'spki'),
  });
}
