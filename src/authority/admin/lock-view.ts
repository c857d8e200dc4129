// A lock as the api shows it, with the name of what it stands on.

import type { LockView } from '../../api/nouns.ts';
import type { Lock, LockSelector } from '../../core/lock.ts';
import { keyIdOf } from '../../wire/signed.ts';
import type { AuthorityContext } from '../context.ts';
import { holderOfKey } from '../enroll/credentials.ts';
import { identityName, removedName } from './names.ts';
import { iso } from './time-text.ts';

export async function viewLock(ctx: AuthorityContext, lock: Lock): Promise<LockView> {
  return {
    id: lock.id,
    kind: lock.selector.kind,
    subject: { id: lock.selector.id, name: await subjectName(ctx, lock.selector) },
    reason: lock.reason,
    createdBy: { id: lock.createdBy, name: await identityName(ctx, lock.createdBy) },
    createdAt: iso(lock.createdAt),
    ...(lock.expiresAt === undefined ? {} : { expiresAt: iso(lock.expiresAt) }),
  };
}

async function subjectName(ctx: AuthorityContext, selector: LockSelector): Promise<string> {
  switch (selector.kind) {
    case 'identity':
      return await identityName(ctx, selector.id);
    case 'device':
      return (await ctx.store.get('device', selector.id))?.value.name ?? removedName;
    case 'session':
      return (await ctx.store.get('session', selector.id))?.value.target ?? removedName;
    case 'credential':
      return await keyName(ctx, selector.id);
    case 'service':
    case 'role':
    case 'vendor':
    case 'ticket':
    case 'tenant':
      return selector.id;
    case 'all_sessions':
      return 'every session';
    default:
      return selector satisfies never;
  }
}

async function keyName(ctx: AuthorityContext, spki: string): Promise<string> {
  const holder = await holderOfKey(ctx, spki);
  return `key ${keyIdOf(spki)} of ${holder?.name ?? removedName}`;
}
