// What people sign of what the broker shows them (design section 6): SHA-256(word || "\0" || RFC 8785 text). By the
// key of a command it is a statement that names the hash and carries the key; by a passkey it is an assertion whose
// challenge is the hash. Whose key that is, is for the reader to know.

import { createHash } from 'node:crypto';
import { canonicalJson, parseJsonObject, type JsonObject } from '../core/json.ts';
import type { ApprovalProof } from '../core/request.ts';
import { signedText, type signedWords } from '../core/signed-text.ts';
import { complete, text, type Fields } from './fields.ts';
import { operatorKey } from './operator-key.ts';
import { verifyStatement } from './signed.ts';

export interface SignedApproval {
  readonly request: string;
  /** As approvalDigest makes it. */
  readonly digest: string;
  /** Thumbprint of the key that signed. */
  readonly spki: string;
}

/** Base64url. */
export function approvalDigest(content: JsonObject): string {
  return textDigest(canonicalJson(content));
}

/** The same of a content that is canonical JSON already. */
export function textDigest(content: string, word: keyof typeof signedWords = 'approval'): string {
  return createHash('sha256').update(signedText(word, content), 'utf8').digest('base64url');
}

/** Undefined when it was not signed by the key that it carries, or is not whole. */
export function openApproval(statement: string): SignedApproval | undefined {
  const opened = openByOwnKey('approval', statement);
  return opened === undefined
    ? undefined
    : complete<SignedApproval>({
        request: text(opened.payload, 'request'),
        digest: text(opened.payload, 'digest'),
        spki: opened.spki,
      });
}

/** The yes of a command's key to the next approver set. */
export function openApproverYes(statement: string): Omit<SignedApproval, 'request'> | undefined {
  const opened = openByOwnKey('approvers', statement);
  return opened && complete({ digest: text(opened.payload, 'digest'), spki: opened.spki });
}

/** A statement that carries the key it is signed with. */
export function openByOwnKey(
  purpose: 'approval' | 'approvers' | 'breakglass',
  statement: string,
): { readonly payload: Fields; readonly spki: string } | undefined {
  let thumbprint: string | undefined;
  const verified = verifyStatement(purpose, statement, (kid, payload) => {
    const key = operatorKey(payload['spki']);
    if (key === undefined || key.kid !== kid) return undefined;
    thumbprint = key.thumbprint;
    return key.key;
  });
  return verified.ok && thumbprint !== undefined
    ? { payload: verified.payload, spki: thumbprint }
    : undefined;
}

/** A passkey's yes as it is kept: what verifies it, with the key. */
export interface KeptAssertion {
  /** SHA-256 of the authenticator's id for the passkey, base64url. */
  readonly passkey: string;
  readonly clientDataJSON: string;
  readonly authenticatorData: string;
  readonly signature: string;
}

export function readAssertion(json: string): KeptAssertion | undefined {
  const fields = parseJsonObject(json);
  return fields === undefined
    ? undefined
    : complete<KeptAssertion>({
        passkey: text(fields, 'passkey'),
        clientDataJSON: text(fields, 'clientDataJSON'),
        authenticatorData: text(fields, 'authenticatorData'),
        signature: text(fields, 'signature'),
      });
}

/** What a channel brings for a device that looks at approvals itself (docs/protocol.md, "Approvals"). */
export interface ApprovalEvidence {
  /** The request as it was signed: canonical JSON. */
  readonly content: string;
  readonly approvals: readonly ApprovalProof[];
}

/** For the header: base64url of JSON. */
export function encodeEvidence({ content, approvals }: ApprovalEvidence): string {
  return Buffer.from(JSON.stringify({ content, approvals }), 'utf8').toString('base64url');
}

export function decodeEvidence(header: string): ApprovalEvidence | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(header)) return undefined;
  const fields = parseJsonObject(Buffer.from(header, 'base64url').toString('utf8')) ?? {};
  const content = text(fields, 'content');
  const approvals = readProofs(fields['approvals']);
  return content === undefined || approvals === undefined ? undefined : { content, approvals };
}

/** Undefined when one of them is no proof. */
export function readProofs(value: unknown): readonly ApprovalProof[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const proofs = (value as readonly unknown[]).map(readProof);
  const whole = proofs.filter((proof) => proof !== undefined);
  return whole.length === proofs.length ? whole : undefined;
}

function readProof(value: unknown): ApprovalProof | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const statement = text(value as Fields, 'statement');
  const assertion = text(value as Fields, 'assertion');
  if (statement !== undefined) return { statement };
  return assertion === undefined ? undefined : { assertion };
}
