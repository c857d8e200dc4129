// From a target that somebody typed to what it is. A target that is missing and one that he may not know of have
// one answer.

import type { Device } from '../../core/device.ts';
import { printable } from '../../core/printable.ts';
import type { Target } from '../../core/target.ts';
import type { AuthorityContext } from '../context.ts';
import { findService } from './find-service.ts';
import type { Destination } from './session-facts.ts';

export interface Found {
  /** For the log, also where the service is missing. */
  readonly device?: Device;
  readonly destination?: Destination;
}

export async function findDestination(ctx: AuthorityContext, target: Target): Promise<Found> {
  const device = (await ctx.store.find('device', { name: target.device }))?.value;
  if (device === undefined) return {};
  if (target.service === undefined) return { device, destination: { device } };
  const service = await findService(ctx, device, target.service);
  return service === undefined ? { device } : { device, destination: { device, service } };
}

/** The answer of both. */
export function noSuchTarget(typed: string) {
  return {
    code: 'not_found',
    message: `there is no target "${printable(typed)}" that you may see`,
    next: '"sallyport devices ls" lists the ones you may; a policy must let you discover it',
  } as const;
}
