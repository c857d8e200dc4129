// Use-case: a device delivers its signed teardown receipt. The session closes; what the device says it
// left behind is on the log. A receipt may come more than once: the first one counts.

import type { EventDraft } from '../../core/event.ts';
import { SallyportError } from '../../core/errors.ts';
import { parseId } from '../../core/ids.ts';
import { canStep, isLive, step } from '../../core/session.ts';
import type { Session } from '../../core/session-record.ts';
import { readReceipt, type Receipt } from '../../wire/receipt.ts';
import type { AuthorityContext, Caller } from '../context.ts';
import { callingDevice, openDeviceStatement } from '../enroll/device-statement.ts';
import type { EndReason } from '../../core/end-reason.ts';
import { endSession } from './end-session.ts';
import { updateRecord } from '../store/update-record.ts';

export async function receiveReceipt(
  ctx: AuthorityContext,
  caller: Caller,
  statement: string,
): Promise<void> {
  const receipt = await readSigned(ctx, caller, statement);
  const id = parseId('ses', receipt.session);
  const stored = id === undefined ? undefined : await ctx.store.get('session', id);
  if (id === undefined || stored === undefined || stored.value.device !== caller.id) {
    throw new SallyportError('not_found', 'there is no such session on this device');
  }
  // The device ended it first: by its own clock, or because its link went away.
  if (isLive(stored.value.state)) {
    await endSession(ctx, { session: id, by: { kind: 'device', id: caller.id }, ...endOf(receipt) });
  }
  // A cut reaches the device before it is written, so the receipt may be here before the end is.
  await ctx.sessions.whenRecorded(id);
  const session = await updateRecord(ctx.store, { kind: 'session', id }, (session) =>
    session.teardown === 'pending' || canStep(session.state, 'close')
      ? { value: close(session, ctx.clock.now()), events: [confirmed(session, receipt, statement)] }
      : undefined,
  );
  if (session === undefined || !isLive(session.state)) return;
  throw new SallyportError('unavailable', 'the end of this session is not on the record yet', {
    next: 'send the receipt again',
  });
}

async function readSigned(ctx: AuthorityContext, caller: Caller, statement: string): Promise<Receipt> {
  const device = await callingDevice(ctx, caller);
  const payload = openDeviceStatement(device, { purpose: 'receipt', statement });
  const receipt = payload === undefined ? undefined : readReceipt(payload);
  if (receipt !== undefined && receipt.device === caller.id) return receipt;
  throw new SallyportError('invalid', 'the receipt is not signed by this device or not readable');
}

function endOf(receipt: Receipt): { readonly reason: EndReason; readonly detail?: string } {
  switch (receipt.cause) {
    case 'finished':
      return { reason: 'exit' };
    case 'idle':
      return { reason: 'idle' };
    case 'deadline':
      return { reason: 'deadline' };
    case 'not_leased':
    case 'lease_expired':
    case 'link_lost':
    case 'agent_stopped':
    case 'agent_restarted':
    case 'unknown_here':
      return { reason: 'device_gone' };
    case 'owner_cut':
      return { reason: 'device_gone', detail: 'cut on the device by its owner' };
    case 'owner_limit':
      return { reason: 'deadline', detail: "the longest session that the device's owner allows" };
    default:
      return receipt.cause satisfies never;
  }
}

function close(session: Session, now: number): Session {
  const life = canStep(session.state, 'close') ? step(session, { type: 'close' }, now) : session;
  return { ...session, ...life, teardown: 'confirmed' };
}

function confirmed(session: Session, receipt: Receipt, statement: string): EventDraft {
  const isClean = receipt.processesLeft === 0 && receipt.socketsLeft === 0;
  return {
    type: 'teardown.confirmed',
    actor: { kind: 'device', id: session.device },
    outcome: isClean ? 'success' : 'failure',
    code: receipt.cause,
    identity: session.identity,
    device: session.device,
    session: session.id,
    body: {
      method: receipt.method,
      processesLeft: receipt.processesLeft,
      socketsLeft: receipt.socketsLeft,
      channels: receipt.channels,
      endedAt: new Date(receipt.endedAt).toISOString(),
      receipt: statement,
    },
  };
}
