// The target that an administrator asks policy about.

import { SallyportError } from '../../core/errors.ts';
import { parseId } from '../../core/ids.ts';
import { printable } from '../../core/printable.ts';
import { parseTarget } from '../../core/target.ts';
import type { AuthorityContext } from '../context.ts';
import { findService } from '../sessions/find-service.ts';
import type { Destination } from '../sessions/session-facts.ts';
import { requireDevice } from './find.ts';

export async function requireTarget(ctx: AuthorityContext, text: string): Promise<Destination> {
  if (parseId('dev', text) !== undefined) return { device: await requireDevice(ctx, text) };
  const target = parseTarget(text);
  if (target === undefined) {
    throw new SallyportError('invalid', `"${printable(text, 80)}" is not a target`, {
      next: 'a target is DEVICE or DEVICE/SERVICE, for example "pump-7"',
    });
  }
  const device = await requireDevice(ctx, target.device);
  if (target.service === undefined) return { device };
  const service = await findService(ctx, device, target.service);
  if (service !== undefined) return { device, service };
  throw new SallyportError('not_found', `"${device.name}" has no service "${target.service}"`, {
    next: `"sallyport services ls" lists them`,
  });
}
