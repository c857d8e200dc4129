// Use-case: somebody who may work on a device that is away waits for it. Waiting grants nothing: it is
// decided before, so that nobody learns by it what he may not know, and the session that follows is decided
// anew. What waits is held in memory only; the command asks again after a restart of the broker.

import type { z } from 'zod';
import type { awaitDeviceBody } from '../../api/sessions.ts';
import type { DeviceId, IdentityId } from '../../core/ids.ts';
import { limits } from '../../core/limits.ts';
import type { AuthorityContext, Caller } from '../context.ts';
import { freshMfa } from './session-facts.ts';
import { decideOn, refuseWish } from './wish.ts';

export class DeviceWaits {
  readonly #perIdentity = new Map<IdentityId, number>();
  #total = 0;

  /** Resolves with whether the device is online now; ends early when the caller is gone. */
  async wait(
    ctx: AuthorityContext,
    caller: Caller,
    asked: { readonly body: z.output<typeof awaitDeviceBody>; readonly gone: AbortSignal | undefined },
  ): Promise<{ readonly online: boolean }> {
    const { wanted, destination } = await decideOn(ctx, caller, asked.body, {
      // His passkey is asked when the device is back and the session opens.
      mfa: freshMfa,
    });
    const { device } = destination;
    const isOnline = (): boolean => ctx.gates.linkOf(device.id) !== undefined;
    if (isOnline()) return { online: true };
    const leave = this.#take(wanted.identity.id);
    if (leave === undefined) {
      return await refuseWish(ctx, wanted, {
        code: 'rate_limited',
        message: 'too many are waiting for devices already',
        next: 'end some of your waiting commands',
        device,
      });
    }
    try {
      await ctx.store.commit({
        changes: [],
        events: [
          {
            type: 'session.waiting',
            actor: { kind: wanted.identity.kind, id: wanted.identity.id },
            outcome: 'success',
            identity: wanted.identity.id,
            device: device.id,
            body: { name: wanted.identity.name, target: wanted.target, forMs: asked.body.waitMs },
          },
        ],
      });
      if (!isOnline()) await untilLinked(ctx, device.id, { forMs: asked.body.waitMs, gone: asked.gone });
      return { online: isOnline() };
    } finally {
      leave();
    }
  }

  #take(identity: IdentityId): (() => void) | undefined {
    const own = this.#perIdentity.get(identity) ?? 0;
    if (this.#total >= limits.deviceWaitsMax || own >= limits.deviceWaitsPerIdentityMax) return undefined;
    this.#total += 1;
    this.#perIdentity.set(identity, own + 1);
    return () => {
      this.#total -= 1;
      const left = (this.#perIdentity.get(identity) ?? 1) - 1;
      if (left === 0) this.#perIdentity.delete(identity);
      else this.#perIdentity.set(identity, left);
    };
  }
}

function untilLinked(
  ctx: AuthorityContext,
  device: DeviceId,
  { forMs, gone }: { readonly forMs: number; readonly gone: AbortSignal | undefined },
): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      stop();
      gone?.removeEventListener('abort', done);
      resolve();
    };
    const timer = ctx.clock.setTimer(forMs, done, { ref: false });
    const stop = ctx.gates.onLinkOf(device, done);
    gone?.addEventListener('abort', done, { once: true });
    if (gone?.aborted === true) done();
  });
}
