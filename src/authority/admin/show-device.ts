// Use-case: one device, by id or name. What the caller may not discover is answered as what is not there.

import type { DeviceView } from '../../api/nouns.ts';
import type { AuthorityContext } from '../context.ts';
import { canDiscover } from '../sessions/session-facts.ts';
import { viewDevice } from './device-view.ts';
import { findDevice, noDevice } from './find.ts';
import { seesAll, type Operator } from './operator.ts';

export async function showDevice(
  ctx: AuthorityContext,
  caller: Operator,
  nameOrId: string,
): Promise<DeviceView> {
  const device = await findDevice(ctx, nameOrId);
  if (device === undefined) return noDevice(nameOrId);
  if (!seesAll(ctx, caller) && !canDiscover(ctx, caller.identity, { device })) return noDevice(nameOrId);
  return await viewDevice(ctx, device);
}
