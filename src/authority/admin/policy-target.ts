// The target that an administrator asks policy about.

import type { Device } from '../../core/device.ts';
import { SallyportError } from '../../core/errors.ts';
import { parseId } from '../../core/ids.ts';
import { printable } from '../../core/printable.ts';
import { parseTarget } from '../../core/target.ts';
import type { AuthorityContext } from '../context.ts';
import { requireDevice } from './find.ts';

export async function requireTarget(
  ctx: AuthorityContext,
  text: string,
): Promise<{ readonly device: Device; readonly service?: string }> {
  if (parseId('dev', text) !== undefined) return { device: await requireDevice(ctx, text) };
  const target = parseTarget(text);
  if (target === undefined) {
    throw new SallyportError('invalid', `"${printable(text, 80)}" is not a target`, {
      next: 'a target is DEVICE or DEVICE/SERVICE, for example "pump-7"',
    });
  }
  const device = await requireDevice(ctx, target.device);
  return target.service === undefined ? { device } : { device, service: target.service };
}
