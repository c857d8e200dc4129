// One yes, as somebody signed it, against an approver set: by one of the set's passkeys or keys, over exactly this
// hash (design section 6). Which person that is, and whether it is enough, is for the caller to count.

import type { ApproverSet, SignedWith } from '../../core/approver-set.ts';
import type { ApprovalProof } from '../../core/request.ts';
import { judgeAssertion, readClientData } from '../../platform/webauthn.ts';
import { openApproval, openApproverYes, readAssertion } from '../../wire/approval.ts';

export interface WhatWasSigned {
  readonly set: ApproverSet;
  /** Base64url: the challenge of an assertion. */
  readonly digest: string;
  /** A request, by its id, or the set that follows. */
  readonly what: { readonly request: string } | 'set';
}

export type ProofVerdict =
  | { readonly ok: true; readonly with: SignedWith; readonly counter: number }
  /** `stranger`: good or not, nobody of the set signed with it. */
  | { readonly ok: false; readonly fault: 'malformed' | 'stranger' | 'bad'; readonly why: string };

export async function verifyProof(proof: ApprovalProof, signed: WhatWasSigned): Promise<ProofVerdict> {
  return 'statement' in proof
    ? verifyStatementOf(proof.statement, signed)
    : await verifyAssertionOf(proof.assertion, signed);
}

function verifyStatementOf(statement: string, { set, digest, what }: WhatWasSigned): ProofVerdict {
  const opened = what === 'set' ? openApproverYes(statement) : openApproval(statement);
  if (opened === undefined) return bad('an approval is not signed by the key that it carries');
  const isForThis =
    opened.digest === digest && (what === 'set' || ('request' in opened && opened.request === what.request));
  if (!isForThis) return bad('an approval is for something else');
  const isPinned = set.persons.some(({ keys }) => keys.includes(opened.spki));
  if (!isPinned) return stranger();
  return { ok: true, with: { key: opened.spki }, counter: 0 };
}

async function verifyAssertionOf(json: string, { set, digest }: WhatWasSigned): Promise<ProofVerdict> {
  const kept = readAssertion(json);
  if (kept === undefined) return { ok: false, fault: 'malformed', why: 'an approval cannot be read' };
  const pinned = set.persons.flatMap(({ passkeys }) => passkeys).find(({ id }) => id === kept.passkey);
  if (pinned === undefined) return stranger();
  // The library would say so too; the word for it is ours.
  if (readClientData(kept.clientDataJSON)?.['challenge'] !== digest)
    return bad('an approval is for something else');
  const verdict = await judgeAssertion(kept, {
    credential: pinned.id,
    publicKey: pinned.publicKey,
    challenge: digest,
    origins: set.origins,
    rpId: set.rpId,
  });
  if (!verdict.ok) return bad(`a passkey's approval does not verify: ${verdict.why}`);
  return { ok: true, with: { passkey: pinned.id }, counter: verdict.counter };
}

function stranger(): ProofVerdict {
  return {
    ok: false,
    fault: 'stranger',
    why: 'an approval is by somebody who is not in the pinned approver set',
  };
}

function bad(why: string): ProofVerdict {
  return { ok: false, fault: 'bad', why };
}
