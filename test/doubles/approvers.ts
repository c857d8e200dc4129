// Approvers of a device, with passkeys and keys in software: the sets that they stand in, and what they sign. A test
// may make each part of it wrong.

import { createPublicKey } from 'node:crypto';
import { coseKey } from '../../src/cli/demo/approval/virtual-passkey.ts';
import type { ApproverSet, Person } from '../../src/core/approver-set.ts';
import { canonicalJson, type JsonObject } from '../../src/core/json.ts';
import type { ApprovalProof } from '../../src/core/request.ts';
import { generateP256, spkiOf, type KeyPair } from '../../src/platform/keys.ts';
import { approvalDigest, encodeEvidence } from '../../src/wire/approval.ts';
import { approverSetDigest, type SignedApproverSet } from '../../src/wire/approver-set.ts';
import { keyIdOf, sha256, signStatement, spkiThumbprint } from '../../src/wire/signed.ts';
import { Authenticator, type Twist } from './authenticator.ts';

const origin = 'https://gate.example.com';
const rpId = 'gate.example.com';

export class Approver {
  readonly id: string;
  readonly name: string;
  readonly #authenticator = new Authenticator(origin);
  readonly #key: KeyPair;

  /** `key`: of his commands; a new one unless told. */
  constructor(name: string, key: KeyPair = generateP256()) {
    this.#key = key;
    this.id = `idn_${name}`;
    this.name = name;
    this.#authenticator.create({ challenge: 'x', rp: { id: rpId }, user: { id: this.id } });
  }

  get person(): Person {
    const [held] = this.#authenticator.passkeys;
    if (held === undefined) throw new Error('no passkey');
    const publicKey = coseKey(createPublicKey(held.key)).toString('base64url');
    return {
      id: this.id,
      name: this.name,
      passkeys: [{ id: sha256(Buffer.from(held.id, 'base64url')), publicKey }],
      keys: [spkiThumbprint(this.#key.publicKey)],
    };
  }

  get thumbprint(): string {
    return spkiThumbprint(this.#key.publicKey);
  }

  byPasskey(content: JsonObject, twist: Twist = {}): ApprovalProof {
    return this.#assertion(approvalDigest(content), twist);
  }

  byKey(content: JsonObject, changes: JsonObject = {}): ApprovalProof {
    const digest = approvalDigest(content);
    return this.#statement('approval', { request: content['request'], digest, ...changes });
  }

  setByPasskey(set: ApproverSet): ApprovalProof {
    return this.#assertion(approverSetDigest(set), {});
  }

  setByKey(set: ApproverSet): ApprovalProof {
    return this.#statement('approvers', { digest: approverSetDigest(set) });
  }

  #assertion(challenge: string, twist: Twist): ApprovalProof {
    const { id, response } = this.#authenticator.get(challenge, undefined, twist);
    const { clientDataJSON, authenticatorData, signature } = response;
    const passkey = sha256(Buffer.from(id, 'base64url'));
    return { assertion: JSON.stringify({ passkey, clientDataJSON, authenticatorData, signature }) };
  }

  #statement(purpose: 'approval' | 'approvers', payload: JsonObject): ApprovalProof {
    const spki = spkiOf(this.#key.publicKey).toString('base64url');
    const signer = { kid: keyIdOf(this.thumbprint), privateKey: this.#key.privateKey };
    return { statement: signStatement(purpose, { ...payload, spki }, signer) };
  }
}

export function approverSet(persons: readonly Approver[], changes: Partial<ApproverSet> = {}): ApproverSet {
  return {
    broker: 'test',
    version: 1,
    threshold: 1,
    rpId,
    origins: [origin],
    persons: persons.map(({ person }) => person),
    expiresAt: Date.now() + 60 * 60_000,
    ...changes,
  };
}

export function unsigned(set: ApproverSet): SignedApproverSet {
  return { set, signatures: [] };
}

/** The header of a channel. */
export function evidence(content: JsonObject, approvals: readonly ApprovalProof[]): string {
  return encodeEvidence({ content: canonicalJson(content), approvals });
}
