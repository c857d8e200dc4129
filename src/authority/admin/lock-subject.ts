// From what an administrator typed to what a lock selects.

import type { z } from 'zod';
import type { lockBody } from '../../api/nouns.ts';
import { SallyportError } from '../../core/errors.ts';
import { roles, type Role } from '../../core/identity.ts';
import { parseId } from '../../core/ids.ts';
import type { LockSelector } from '../../core/lock.ts';
import { defaultTenant } from '../../core/tenant.ts';
import { printable } from '../../core/printable.ts';
import type { AuthorityContext } from '../context.ts';
import { ownersOnly } from '../tenants/tenant-store.ts';
import { holderOfKey } from '../enroll/credentials.ts';
import { requireText } from '../enroll/names.ts';
import { requireTicketId } from '../tickets/require-ticket.ts';
import { requireDevice, requireIdentity } from './find.ts';
import { requireService } from './service-view.ts';
import { requireRight, type Operator } from './operator.ts';

export async function requireSubject(
  ctx: AuthorityContext,
  caller: Operator,
  wanted: Pick<z.output<typeof lockBody>, 'kind' | 'subject'>,
): Promise<LockSelector> {
  switch (wanted.kind) {
    case 'identity': {
      const { id } = await requireIdentity(ctx, wanted.subject);
      if (id === caller.identity.id) throw yourself(wanted.subject);
      return { kind: 'identity', id };
    }
    case 'device':
      return { kind: 'device', id: (await requireDevice(ctx, wanted.subject)).id };
    case 'session': {
      const id = parseId('ses', wanted.subject);
      if (id !== undefined && (await ctx.store.get('session', id)) !== undefined)
        return { kind: 'session', id };
      throw missing('session', wanted.subject);
    }
    case 'service':
      return { kind: 'service', id: (await requireService(ctx, wanted.subject)).value.id };
    case 'credential':
      return { kind: 'credential', id: await requireKey(ctx, caller, wanted.subject) };
    case 'role':
      return { kind: 'role', id: requireRole(caller, wanted.subject) };
    // A firm, or a ticket, that nobody named yet may be locked before somebody does.
    case 'vendor':
      return { kind: 'vendor', id: requireText(wanted.subject, 'vendor') };
    case 'ticket':
      requireTicketId(wanted.subject);
      return { kind: 'ticket', id: wanted.subject };
    case 'tenant':
      return { kind: 'tenant', id: await requireOther(ctx, caller, wanted.subject) };
    default:
      return wanted.kind satisfies never;
  }
}

/** Of a person's or a machine's sign-in, whether its certificate is still good or not. */
async function requireKey(ctx: AuthorityContext, caller: Operator, typed: string): Promise<string> {
  if (typed === caller.spki) throw yourself(typed);
  if ((await holderOfKey(ctx, typed)) !== undefined) return typed;
  throw new SallyportError('not_found', `there is no key "${printable(typed, 80)}" of a sign-in`, {
    next: '"sallyport identities show NAME" lists those of somebody; the key of a device: lock the device',
  });
}

async function requireOther(ctx: AuthorityContext, caller: Operator, typed: string): Promise<string> {
  if (caller.identity.tenant !== defaultTenant) throw ownersOnly();
  // It stops everybody there: for whoever makes tenants, not for whoever may stop somebody.
  requireRight(ctx, caller, 'administerBroker');
  if (typed === defaultTenant) throw yourself(typed);
  if ((await ctx.store.get('tenant', typed)) !== undefined) return typed;
  throw new SallyportError('not_found', `there is no tenant "${printable(typed, 80)}"`, {
    next: '"sallyport tenants ls" lists them',
  });
}

function requireRole(caller: Operator, typed: string): Role {
  const role = roles.find((known) => known === typed);
  if (role === undefined) {
    throw new SallyportError('invalid', `"${printable(typed, 60)}" is not a role`, {
      next: `roles are: ${roles.join(', ')}`,
    });
  }
  if (!caller.identity.roles.includes(role)) return role;
  throw new SallyportError('conflict', `you are ${role}, and a lock on you is not yours to lift`, {
    next: 'lock the others by name',
  });
}

/** A slip of the hand that only somebody else could undo, and there may be nobody else. */
function yourself(name: string): SallyportError {
  return new SallyportError(
    'conflict',
    `"${printable(name, 80)}" is you, and a lock on you is not yours to lift`,
    {
      next: 'to give up this sign-in: sallyport logout',
    },
  );
}

function missing(kind: string, subject: string): SallyportError {
  return new SallyportError('not_found', `there is no ${kind} "${printable(subject, 80)}"`, {
    next: `a ${kind} is named by its id here`,
  });
}
