// An approver set on its way to a device, and what is signed of it: by the persons of the set before it, or by
// nobody, where a person on site pins it.

import { parseApproverSet, type ApproverSet } from '../core/approver-set.ts';
import { canonicalJson, parseJsonObject, type JsonObject } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import type { ApprovalProof } from '../core/request.ts';
import { readProofs, textDigest } from './approval.ts';

export interface SignedApproverSet {
  readonly set: ApproverSet;
  readonly signatures: readonly ApprovalProof[];
}

export function approverSetText(set: ApproverSet): string {
  return canonicalJson(set as unknown as JsonObject);
}

/** Base64url: what is signed, and what two people compare who hold the same set in their hands. */
export function approverSetDigest(set: ApproverSet): string {
  return textDigest(approverSetText(set), 'approvers');
}

/** Undefined when it is not whole. */
export function readSignedApproverSet(value: unknown): SignedApproverSet | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { set, signatures } = value as { readonly set?: unknown; readonly signatures?: unknown };
  const parsed = parseApproverSet(set);
  const proofs = readProofs(signatures);
  return parsed === undefined || proofs === undefined ? undefined : { set: parsed, signatures: proofs };
}

/** Of a file. */
export function parseSignedApproverSet(text: string): SignedApproverSet | undefined {
  return text.length > limits.approverSetMaxBytes ? undefined : readSignedApproverSet(parseJsonObject(text));
}
