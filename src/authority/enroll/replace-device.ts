// Use-case: a board is swapped. The device keeps its id, name, labels, services and history; a one-time token
// brings the new key. The old key is dead when the new one has joined, or at once where that is wanted.

import type { z } from 'zod';
import type { Invited, replaceDeviceBody } from '../../api/enrollments.ts';
import { limits } from '../../core/limits.ts';
import { requireDevice } from '../admin/find.ts';
import { actor, type Operator } from '../admin/operator.ts';
import type { AuthorityContext } from '../context.ts';
import { holdDevice } from './hold-device.ts';
import { requireLife } from './invite.ts';
import { makeInvite } from './make-invite.ts';

export async function replaceDevice(
  ctx: AuthorityContext,
  caller: Operator,
  wanted: { readonly device: string; readonly body: z.output<typeof replaceDeviceBody> },
): Promise<Invited> {
  const device = await requireDevice(ctx, wanted.device);
  const lifeMs = requireLife(wanted.body.forMs, limits.enrollmentLifeMs);
  if (wanted.body.now === true) {
    await holdDevice(ctx, {
      device: device.id,
      why: 'replaced',
      by: actor(caller),
      events: [
        {
          type: 'device.quarantined',
          actor: actor(caller),
          outcome: 'success',
          code: 'replaced',
          device: device.id,
          body: { name: device.name, by: caller.identity.name },
        },
      ],
    });
  }
  return await makeInvite(ctx, {
    tenant: device.tenant,
    kind: 'device',
    name: device.name,
    by: actor(caller),
    createdBy: caller.identity.id,
    lifeMs,
    extra: { replaces: device.id },
  });
}
