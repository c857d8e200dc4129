// Use-case: add a service to a device, or review one that is there. It needs an owner, a class and a day
// of review from the start: there is no unreviewed path. A service that now lies elsewhere is
// another thing to those who are on it: their sessions end.

import type { z } from 'zod';
import type { serviceBody, ServiceView } from '../../api/services.ts';
import { isDestinationHost } from '../../core/channel.ts';
import { isName, type Device } from '../../core/device.ts';
import { SallyportError } from '../../core/errors.ts';
import { newId } from '../../core/ids.ts';
import { printable } from '../../core/printable.ts';
import type { Service } from '../../core/service.ts';
import type { AuthorityContext } from '../context.ts';
import { endSessions } from '../sessions/end-session.ts';
import { findService } from '../sessions/find-service.ts';
import { requireDevice, requireOwner } from './find.ts';
import { actor, type Operator } from './operator.ts';
import { viewService } from './service-view.ts';

type Body = z.output<typeof serviceBody>;

export async function addService(ctx: AuthorityContext, caller: Operator, body: Body): Promise<ServiceView> {
  const device = await requireDevice(ctx, body.device);
  const owner = await requireOwner(ctx, body.owner);
  const known = await findService(ctx, device, body.name);
  const stored = known === undefined ? undefined : await ctx.store.get('service', known.id);
  const service = newService(ctx, { body, device, owner: owner.id, known });

  await ctx.store.commit({
    changes: [{ put: 'service', value: service, rev: stored?.rev ?? 0 }],
    events: [
      {
        type: known === undefined ? 'service.added' : 'service.reviewed',
        actor: actor(caller),
        outcome: 'success',
        device: device.id,
        service: service.id,
        body: {
          target: `${device.name}/${service.name}`,
          host: service.host,
          port: service.port,
          class: service.class,
          owner: owner.name,
          reviewBy: new Date(service.reviewBy).toISOString(),
          by: caller.identity.name,
        },
      },
    ],
  });

  if (known !== undefined && (known.host !== service.host || known.port !== service.port)) {
    await endSessions(ctx, sessionsOn(ctx, service.id), {
      reason: 'policy',
      by: actor(caller),
      detail: `"${device.name}/${service.name}" now lies elsewhere`,
    });
  }
  return await viewService(ctx, service);
}

export function sessionsOn(
  ctx: AuthorityContext,
  service: Service['id'],
): readonly ReturnType<typeof ctx.sessions.all>[number]['id'][] {
  return ctx.sessions
    .all()
    .filter((live) => live.service === service)
    .map((live) => live.id);
}

interface Facts {
  readonly body: Body;
  readonly device: Device;
  readonly owner: Service['owner'];
  readonly known: Service | undefined;
}

function newService(ctx: AuthorityContext, { body, device, owner, known }: Facts): Service {
  const now = ctx.clock.now();
  const host = body.host.toLowerCase();
  const reviewBy = Date.parse(body.reviewBy);
  if (!isName(body.name))
    throw invalid(
      `"${printable(body.name)}" is no name for a service`,
      'use lower-case letters, digits and hyphens',
    );
  if (!isDestinationHost(host))
    throw invalid(
      `"${printable(body.host)}" is neither a host name nor an address`,
      'write it like 127.0.0.1 or db.internal',
    );
  if (reviewBy <= now)
    throw invalid('the day of review lies in the past', 'name the day until which this service is reviewed');
  return {
    id: known?.id ?? newId('svc', ctx.random.bytes(16)),
    tenant: device.tenant,
    device: device.id,
    name: body.name,
    host,
    port: body.port,
    class: body.class,
    owner,
    purpose: body.purpose ?? '',
    reviewBy,
    createdAt: known?.createdAt ?? now,
  };
}

function invalid(message: string, next: string): SallyportError {
  return new SallyportError('invalid', message, { next });
}
