// From what an administrator typed to what a lock selects.

import type { z } from 'zod';
import type { lockBody } from '../../api/nouns.ts';
import { SallyportError } from '../../core/errors.ts';
import { parseId } from '../../core/ids.ts';
import type { LockSelector } from '../../core/lock.ts';
import { printable } from '../../core/printable.ts';
import type { AuthorityContext } from '../context.ts';
import { requireDevice, requireIdentity } from './find.ts';
import { requireService } from './service-view.ts';
import type { Operator } from './operator.ts';

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
    default:
      return wanted.kind satisfies never;
  }
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
