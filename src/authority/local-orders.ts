// What may be ordered at the local door (local-door.ts).

import { SallyportError } from '../core/errors.ts';
import { checkStore } from './backup/check-store.ts';
import { makeSnapshot } from './backup/snapshot.ts';
import type { AuthorityContext } from './context.ts';
import { createLocalInvite } from './enroll/first-invite.ts';
import type { LocalOrders } from './local-door.ts';

/** `dir`: of the authority, where a snapshot may lie for a moment. */
export function localOrders(ctx: AuthorityContext, dir: string): LocalOrders {
  return {
    invite: async ({ name }) => {
      if (typeof name !== 'string') throw new SallyportError('invalid', 'whom to invite is missing');
      return { invite: await createLocalInvite(ctx, { name }) };
    },
    snapshot: async () => await makeSnapshot(ctx, dir),
    check: async () => await checkStore(ctx.store, { stateEpoch: ctx.broker.stateEpoch }),
  };
}
