// A service as the api shows it, and the way from "pump-7/db" or an id to its record.

import type { ServiceView } from '../../api/services.ts';
import { SallyportError } from '../../core/errors.ts';
import { parseId } from '../../core/ids.ts';
import { printable } from '../../core/printable.ts';
import { isReviewed, type Service } from '../../core/service.ts';
import { formatTarget, parseTarget } from '../../core/target.ts';
import type { AuthorityContext } from '../context.ts';
import { findService } from '../sessions/find-service.ts';
import type { Stored } from '../store/store.ts';
import { identityName, removedName } from './names.ts';
import { iso } from './time-text.ts';

export async function viewService(ctx: AuthorityContext, service: Service): Promise<ServiceView> {
  const device = (await ctx.store.get('device', service.device))?.value.name ?? removedName;
  return {
    id: service.id,
    target: formatTarget({ device, service: service.name }),
    device: { id: service.device, name: device },
    name: service.name,
    host: service.host,
    port: service.port,
    class: service.class,
    owner: { id: service.owner, name: await identityName(ctx, service.owner) },
    purpose: service.purpose,
    reviewBy: iso(service.reviewBy),
    reviewed: isReviewed(service, ctx.clock.now()),
    locked: ctx.locks.find({ tenant: service.tenant, service: service.id }) !== undefined,
    createdAt: iso(service.createdAt),
  };
}

export async function requireService(ctx: AuthorityContext, targetOrId: string): Promise<Stored<Service>> {
  const id = parseId('svc', targetOrId) ?? (await idOf(ctx, targetOrId));
  const stored = id === undefined ? undefined : await ctx.store.get('service', id);
  if (stored !== undefined) return stored;
  throw new SallyportError('not_found', `there is no service "${printable(targetOrId, 130)}"`, {
    next: '"sallyport services ls" lists them; a service is named DEVICE/SERVICE',
  });
}

async function idOf(ctx: AuthorityContext, text: string): Promise<Service['id'] | undefined> {
  const target = parseTarget(text);
  if (target?.service === undefined) return undefined;
  const device = await ctx.store.find('device', { name: target.device });
  return device === undefined ? undefined : (await findService(ctx, device.value, target.service))?.id;
}
