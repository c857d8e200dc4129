// Use-case: an administrator accepts a device that is held. Of two copies of one key the one goes on that
// shows the current secret with its next renewal; the other one is found out again by its own.

import type { DeviceView } from '../../api/nouns.ts';
import { SallyportError } from '../../core/errors.ts';
import type { AuthorityContext } from '../context.ts';
import { acceptHeld } from '../enroll/hold-device.ts';
import { viewDevice } from './device-view.ts';
import { noDevice, requireDevice } from './find.ts';
import { actor, type Operator } from './operator.ts';

export async function acceptDevice(
  ctx: AuthorityContext,
  caller: Operator,
  nameOrId: string,
): Promise<DeviceView> {
  const { id, name, hold } = await requireDevice(ctx, nameOrId);
  if (hold?.why === 'replaced') {
    throw new SallyportError('conflict', `"${name}" waits for its new board: its old key is dead`, {
      next: `for another token: sallyport devices replace ${name}`,
    });
  }
  const device = await acceptHeld(ctx, { device: id, by: actor(caller), body: { by: caller.identity.name } });
  return device === undefined ? noDevice(nameOrId) : await viewDevice(ctx, device);
}
