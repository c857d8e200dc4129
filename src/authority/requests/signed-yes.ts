// What shows that an approver said yes to exactly this request: the key of his sign-in, or his passkey.

import type { Assertion } from '../../api/passkeys.ts';
import type { AccessRequest, ApprovalProof } from '../../core/request.ts';
import { approvalDigest, openApproval } from '../../wire/approval.ts';
import type { Operator } from '../admin/operator.ts';
import type { AuthorityContext } from '../context.ts';
import { verifyOwn } from '../passkeys/verify-own.ts';
import type { Change } from '../store/store.ts';

export interface SignedYes {
  /** As it is kept, and on the log: enough to verify it again without us. */
  readonly proof: ApprovalProof;
  readonly changes: readonly Change[];
}

export type SignedYesFault = 'other_key' | 'other_content';

export function byKey(
  caller: Operator,
  request: AccessRequest,
  { statement }: { readonly statement: string },
): SignedYes | SignedYesFault {
  const signed = openApproval(statement);
  if (signed?.request !== request.id || signed.digest !== approvalDigest(request.content))
    return 'other_content';
  const isOwn = signed.spki === caller.spki || caller.identity.approverKeys?.includes(signed.spki) === true;
  return isOwn ? { proof: { statement }, changes: [] } : 'other_key';
}

/** The request's id is in its content. Throws SallyportError where the passkey is not accepted. */
export async function byPasskey(
  ctx: AuthorityContext,
  caller: Operator,
  { request, assertion }: { readonly request: AccessRequest; readonly assertion: Assertion },
): Promise<SignedYes> {
  return await assertionProof(ctx, caller, { challenge: approvalDigest(request.content), assertion });
}

/** A passkey's yes to whatever the challenge is the hash of. Throws SallyportError. */
export async function assertionProof(
  ctx: AuthorityContext,
  caller: Operator,
  { challenge, assertion }: { readonly challenge: string; readonly assertion: Assertion },
): Promise<SignedYes> {
  const { change, passkey } = await verifyOwn(ctx, caller, { assertion, challenge });
  const { clientDataJSON, authenticatorData, signature } = assertion.response;
  const { id, publicKey } = passkey;
  const kept = { passkey: id, publicKey, clientDataJSON, authenticatorData, signature };
  return { proof: { assertion: JSON.stringify(kept) }, changes: [change] };
}
