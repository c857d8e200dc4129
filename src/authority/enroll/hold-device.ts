// Use-cases: a device is held, and accepted again. Held, it has no session; as a suspected copy it has no
// link either, since nobody can tell which of the two is the thief's.
//
// INVARIANT: once the hold is on the record no session is live: what was live is cut before, what came up
// meanwhile is cut after, and what opens later reads the record (open-session.ts, authorize-channel.ts).

import { barsLinks, describeHold, type Device, type HoldReason } from '../../core/device.ts';
import type { EventActor, EventDraft } from '../../core/event.ts';
import type { DeviceId } from '../../core/ids.ts';
import type { AuthorityContext } from '../context.ts';
import { cutNow, recordEnds } from '../sessions/cut-sessions.ts';
import type { LiveSession } from '../sessions/live-sessions.ts';
import { StoreConflict, type Commit } from '../store/store.ts';
import { updateRecord } from '../store/update-record.ts';

export interface HoldOrder {
  readonly device: DeviceId;
  readonly why: HoldReason;
  readonly by: EventActor;
  /** What belongs into the same commit. */
  readonly events: readonly EventDraft[];
}

/** The device record changes with each link: few turns are enough. */
const turnsMax = 8;

export async function holdDevice(ctx: AuthorityContext, order: HoldOrder): Promise<void> {
  const before = cutAll(ctx, order);
  for (let turn = 1; ; turn += 1) {
    const stored = await ctx.store.get('device', order.device);
    if (stored === undefined) return;
    const value: Device = { ...stored.value, hold: { why: order.why, since: ctx.clock.now() } };
    try {
      await recordCuts(ctx, order, before, {
        changes: [{ put: 'device', value, rev: stored.rev }],
        events: order.events,
      });
      break;
    } catch (error) {
      if (!(error instanceof StoreConflict) || turn === turnsMax) throw error;
    }
  }
  const meanwhile = cutAll(ctx, order);
  if (meanwhile.length > 0) await recordCuts(ctx, order, meanwhile);
}

function cutAll(ctx: AuthorityContext, { device, why }: HoldOrder): readonly LiveSession[] {
  const cut = cutNow(
    ctx,
    ctx.sessions.matching((subject) => subject.device === device),
    'lock',
  );
  if (barsLinks(why)) ctx.gates.closeLinkOf(device, 'lock');
  return cut;
}

async function recordCuts(
  ctx: AuthorityContext,
  { why, by }: HoldOrder,
  cut: readonly LiveSession[],
  first?: Commit,
): Promise<void> {
  const detail = `the device ${describeHold({ why })}`;
  await recordEnds(ctx, cut, { reason: 'lock', by, detail, ...(first === undefined ? {} : { first }) });
}

/** The device as it then is; undefined when there is none. Nothing changes for one that is not held. */
export async function acceptHeld(
  ctx: AuthorityContext,
  order: { readonly device: DeviceId; readonly by: EventActor; readonly body: EventDraft['body'] },
): Promise<Device | undefined> {
  return await updateRecord(ctx.store, { kind: 'device', id: order.device }, ({ hold, ...device }) =>
    hold === undefined
      ? undefined
      : {
          value: device,
          events: [
            {
              type: 'device.accepted',
              actor: order.by,
              outcome: 'success',
              code: hold.why,
              device: device.id,
              body: { name: device.name, heldSince: new Date(hold.since).toISOString(), ...order.body },
            },
          ],
        },
  );
}
