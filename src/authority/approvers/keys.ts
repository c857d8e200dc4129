// Use-cases: a person adds a key that he approves with, for devices to pin, and removes one. It signs nobody in: an
// approval by it counts only from whoever is signed in as its owner.

import { SallyportError } from '../../core/errors.ts';
import type { EventType } from '../../core/event.ts';
import type { Identity } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { openApproverYes } from '../../wire/approval.ts';
import { actor, type Operator } from '../admin/operator.ts';
import type { AuthorityContext } from '../context.ts';
import { isKeyKnown } from '../enroll/credentials.ts';
import { updateRecord } from '../store/update-record.ts';

export interface ApproverKeys {
  readonly keys: string[];
}

/** The statement, signed by the new key, names the identity that it is for. */
export async function addApproverKey(
  ctx: AuthorityContext,
  caller: Operator,
  statement: string,
): Promise<ApproverKeys> {
  const { id, kind } = caller.identity;
  if (kind !== 'human') {
    throw new SallyportError('forbidden', 'only people approve', {
      next: 'whoever approves makes it, signed in as himself',
    });
  }
  const opened = openApproverYes(statement);
  if (opened?.digest !== id) {
    throw new SallyportError('invalid', 'this is not signed by a key, for you', {
      next: 'let the command make it: sallyport approvers key',
    });
  }
  const { spki } = opened;
  // a key is for one thing. The key of a sign-in ends with it, and so would the approver.
  if (await isKeyKnown(ctx, spki)) {
    throw new SallyportError('conflict', 'this key is used for something else already', {
      next: 'let the command make one: sallyport approvers key',
    });
  }
  return await change(ctx, caller, { type: 'approver_key.added', spki }, (keys) => {
    if (keys.includes(spki)) return undefined;
    if (keys.length >= limits.approverKeysPerPersonMax) {
      throw new SallyportError('too_large', `you have ${keys.length} keys to approve with already`, {
        next: 'remove one: sallyport approvers key --remove=KEY',
      });
    }
    return [...keys, spki];
  });
}

/** Devices that have it pinned go on to accept it, until a set without it follows. */
export async function removeApproverKey(
  ctx: AuthorityContext,
  caller: Operator,
  spki: string,
): Promise<ApproverKeys> {
  return await change(ctx, caller, { type: 'approver_key.removed', spki }, (keys) => {
    if (keys.includes(spki)) return keys.filter((key) => key !== spki);
    throw new SallyportError('not_found', `"${printable(spki, 50)}" is no key that you approve with`, {
      next: '"sallyport approvers key --ls" lists them',
    });
  });
}

async function change(
  ctx: AuthorityContext,
  caller: Operator,
  what: { readonly type: EventType; readonly spki: string },
  next: (keys: readonly string[]) => readonly string[] | undefined,
): Promise<ApproverKeys> {
  const after = await updateRecord(ctx.store, { kind: 'identity', id: caller.identity.id }, (value) => {
    const keys = next(value.approverKeys ?? []);
    if (keys === undefined) return undefined;
    const identity: Identity = { ...value, approverKeys: keys };
    return {
      value: identity,
      events: [
        {
          type: what.type,
          actor: actor(caller),
          outcome: 'success',
          identity: value.id,
          body: { name: value.name, key: what.spki, sourceIp: caller.sourceIp },
        },
      ],
    };
  });
  return { keys: [...(after?.approverKeys ?? [])] };
}
