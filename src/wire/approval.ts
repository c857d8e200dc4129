// What an approver signs (design section 6): SHA-256("sallyport/approval/v1\0" || RFC 8785 request). The
// statement of purpose `approval` names request and hash, and carries the key it is signed with; whose key
// that is, is for the reader to know.

import { createHash } from 'node:crypto';
import { canonicalJson, type JsonObject } from '../core/json.ts';
import { signedText } from '../core/signed-text.ts';
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
export function textDigest(content: string): string {
  return createHash('sha256').update(signedText('approval', content), 'utf8').digest('base64url');
}

/** Undefined when it was not signed by the key that it carries, or is not whole. */
export function openApproval(statement: string): SignedApproval | undefined {
  let thumbprint: string | undefined;
  const verified = verifyStatement('approval', statement, (kid, payload) => {
    const key = operatorKey(payload['spki']);
    if (key === undefined || key.kid !== kid) return undefined;
    thumbprint = key.thumbprint;
    return key.key;
  });
  return verified.ok ? readApproval(verified.payload, thumbprint) : undefined;
}

function readApproval(fields: Fields, spki: string | undefined): SignedApproval | undefined {
  return complete<SignedApproval>({ request: text(fields, 'request'), digest: text(fields, 'digest'), spki });
}
