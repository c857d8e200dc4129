// Use-case: the devices that the caller may know of: all for who sees all, for others those that policy
// lets them discover.

import type { z } from 'zod';
import type { deviceQuery, DeviceView } from '../../api/nouns.ts';
import { parseLabel, type Device } from '../../core/device.ts';
import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { AuthorityContext } from '../context.ts';
import { canDiscover } from '../sessions/session-facts.ts';
import { sessionsPerDevice, viewDevice } from './device-view.ts';
import { seesAll, type Operator } from './operator.ts';
import { pageOfKept, type Paged } from './page.ts';
import { Pauses } from './pauses.ts';

export async function listDevices(
  ctx: AuthorityContext,
  caller: Operator,
  query: z.output<typeof deviceQuery>,
): Promise<Paged<DeviceView>> {
  const labels = readLabels(query.where);
  const isAllSeen = seesAll(ctx, caller);
  const pauses = new Pauses();
  const { kept, next } = await pageOfKept({ store: ctx.store, kind: 'device' }, query, async (device) => {
    if (query.hold !== undefined && device.hold?.why !== query.hold) return false;
    if (query.online !== undefined && (query.online === 'true') !== isOnline(ctx, device)) return false;
    if (!labels.every(([key, value]) => device.labels[key] === value)) return false;
    if (isAllSeen) return true;
    await pauses.next();
    return canDiscover(ctx, caller.identity, { device });
  });
  const sessions = sessionsPerDevice(ctx);
  const items: DeviceView[] = [];
  for (const device of kept) items.push(await viewDevice(ctx, device, sessions));
  return { items, ...(next === undefined ? {} : { next }) };
}

function isOnline(ctx: AuthorityContext, device: Device): boolean {
  return ctx.gates.linkOf(device.id) !== undefined;
}

function readLabels(where: string | readonly string[] | undefined): readonly (readonly [string, string])[] {
  const texts = where === undefined ? [] : typeof where === 'string' ? [where] : where;
  return texts.map((text) => {
    const label = parseLabel(text);
    if (label !== undefined) return label;
    throw new SallyportError('invalid', `"${printable(text, 80)}" is not a label`, {
      next: 'filter with KEY=VALUE, for example --where site=lyon',
    });
  });
}
