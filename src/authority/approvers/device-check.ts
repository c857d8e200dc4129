// What a device that looks at approvals itself will accept: asked here only so that nobody waits for what the device
// then refuses. The device decides; a wrong answer here opens nothing.

import { provenPersons, type ApproverSet, type SignedWith } from '../../core/approver-set.ts';
import type { Device, DeviceApprovals } from '../../core/device.ts';
import type { DeviceId } from '../../core/ids.ts';
import type { AccessRequest } from '../../core/request.ts';
import { openApproval, readAssertion } from '../../wire/approval.ts';
import { nameIn } from '../../core/tenant.ts';
import type { AuthorityContext } from '../context.ts';

export interface DeviceCheck {
  readonly check: DeviceApprovals['check'];
  /** Undefined: none is pinned there, or one that this broker does not know. */
  readonly set: ApproverSet | undefined;
}

/** Undefined for a device that leaves approvals to the broker. */
export async function deviceCheckOf(
  ctx: AuthorityContext,
  { tenant, approvals }: Device,
): Promise<DeviceCheck | undefined> {
  if (approvals === undefined) return undefined;
  const { check, version } = approvals;
  const record =
    version === undefined ? undefined : await ctx.store.get('approverset', nameIn(tenant, String(version)));
  return { check, set: record?.value.set };
}

/** Likewise, by its id; a device that is gone looks at nothing. */
export async function deviceCheckAt(ctx: AuthorityContext, id: DeviceId): Promise<DeviceCheck | undefined> {
  const device = await ctx.store.get('device', id);
  return device === undefined ? undefined : await deviceCheckOf(ctx, device.value);
}

/** How many persons it takes there, at least. */
export function neededBy(check: DeviceCheck | undefined): number {
  return check === undefined ? 0 : (check.set?.threshold ?? 1);
}

/** Whether the device will find enough of its persons among the approvals. */
export function isEnoughFor(
  check: DeviceCheck | undefined,
  approvals: AccessRequest['approvals'],
  requester: string,
): boolean {
  if (check === undefined) return true;
  const { set } = check;
  // What is pinned there is not known here: the device will say.
  if (set === undefined) return true;
  const proofs = approvals.flatMap((approval): readonly SignedWith[] => {
    if ('statement' in approval) {
      const opened = openApproval(approval.statement);
      return opened === undefined ? [] : [{ key: opened.spki }];
    }
    const kept = readAssertion(approval.assertion);
    return kept === undefined ? [] : [{ passkey: kept.passkey }];
  });
  const persons = new Set(provenPersons(set, check.check, proofs));
  persons.delete(requester);
  return persons.size >= set.threshold;
}
