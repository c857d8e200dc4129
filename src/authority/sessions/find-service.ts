// A service of a device by its name.

import type { Device } from '../../core/device.ts';
import type { Service } from '../../core/service.ts';
import type { AuthorityContext } from '../context.ts';

export async function findService(
  ctx: AuthorityContext,
  device: Device,
  name: string,
): Promise<Service | undefined> {
  return (await ctx.store.find('service', { name: `${device.id}/${name}` }))?.value;
}
