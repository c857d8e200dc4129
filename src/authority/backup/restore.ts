// Use-case: a broker comes back from a backup (design section 4). What the backup says was live is over: its
// sessions are ended, its tokens and remembered answers are gone, people sign in anew. The state epoch rises, so
// that devices take back a broker that is behind them, and refuse one that was put back without it. Locks since
// the backup are taken from an exported log; without one, no session opens until an administrator says so.
//
// All of it is one commit, on a store that nobody uses yet.

import { holdReasons, type Device } from '../../core/device.ts';
import { SallyportError } from '../../core/errors.ts';
import type { EventDraft } from '../../core/event.ts';
import { newId, parseId } from '../../core/ids.ts';
import type { Lock, LockSelector } from '../../core/lock.ts';
import { canStep, isLive, step } from '../../core/session.ts';
import type { Session } from '../../core/session-record.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Random } from '../../platform/random.ts';
import { eachRecord } from '../admin/each-record.ts';
import { readStateEpoch, settingIds } from '../settings.ts';
import type { Change, Store } from '../store/store.ts';

/** An event of an exported log, as far as it is looked at. */
export interface ExportedEvent {
  readonly seq: number;
  readonly type: string;
  readonly code?: string | undefined;
  readonly lock?: string | undefined;
  readonly identity?: string | undefined;
  readonly device?: string | undefined;
  readonly session?: string | undefined;
  readonly service?: string | undefined;
  readonly body?: Readonly<Record<string, unknown>> | undefined;
}

export interface Restoration {
  readonly stateEpoch: number;
  readonly sessionsEnded: number;
  readonly tokensVoided: number;
  readonly signInsVoided: number;
  readonly locksReplayed: number;
  /** No session opens until this lock is lifted. */
  readonly sealedBy?: string;
}

interface Parts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}

/** `since`: the exported log; undefined: there is none, so the broker starts with every session locked. */
export async function restoreStore(
  { store, clock, random }: Parts,
  since: readonly ExportedEvent[] | undefined,
): Promise<Restoration> {
  const now = clock.now();
  const changes: Change[] = [];
  const epoch = await readStateEpoch(store);
  // Above whatever another restore of the same backup may have given out, which this store cannot know.
  const stateEpoch = Math.max(epoch + 1, Math.floor(now / 1_000));
  changes.push({ put: 'setting', value: { id: settingIds.stateEpoch, value: String(stateEpoch) } });

  const ended = await endLive(store, now);
  changes.push(...ended);
  const tokens = await all(store, 'enrollment');
  const answers = await all(store, 'answer');
  changes.push(...tokens, ...answers);
  const signIns = await revokeSignIns(store, now);
  changes.push(...signIns);

  const replayed = since === undefined ? [] : await replay(store, since, now);
  changes.push(...replayed);
  const seal = since === undefined ? sealingLock(random, now) : undefined;
  if (seal !== undefined) changes.push({ put: 'lock', value: seal });

  const { size } = await store.head();
  const restoration: Restoration = {
    stateEpoch,
    sessionsEnded: ended.length,
    tokensVoided: tokens.length,
    signInsVoided: signIns.length,
    locksReplayed: replayed.length,
    ...(seal === undefined ? {} : { sealedBy: seal.id }),
  };
  const system = { kind: 'system', id: 'local' } as const;
  const event: EventDraft = {
    type: 'broker.restored',
    actor: system,
    outcome: 'success',
    body: { ...restoration, fromEpoch: epoch, logSize: size },
  };
  await store.commit({ changes, events: [event] });
  return restoration;
}

async function all(store: Store, kind: 'enrollment' | 'answer'): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for await (const { value } of eachRecord(store, kind)) changes.push({ delete: kind, id: value.id });
  return changes;
}

/** What is known of their teardown is nothing. */
async function endLive(store: Store, now: number): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for await (const { value } of eachRecord(store, 'session', { filter: { live: true } })) {
    if (!isLive(value.state) || !canStep(value.state, 'end')) continue;
    let over: Session = { ...value, ...step(value, { type: 'end', reason: 'shutdown' }, now) };
    over = {
      ...over,
      ...step(over, { type: 'close' }, now),
      teardown: 'unconfirmed',
      endDetail: 'the broker was restored',
    };
    changes.push({ put: 'session', value: over });
  }
  return changes;
}

/** Who signed out or was removed since the backup must not be in again. */
async function revokeSignIns(store: Store, now: number): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for await (const { value } of eachRecord(store, 'credential')) {
    if (value.kind === 'device' || value.revokedAt !== undefined || value.notAfter < now) continue;
    changes.push({ put: 'credential', value: { ...value, revokedAt: now } });
  }
  return changes;
}

function sealingLock(random: Random, now: number): Lock {
  return {
    id: newId('lck', random.bytes(16)),
    selector: { kind: 'all_sessions', id: '*' },
    reason: 'restored from a backup: locks since then are not known here',
    createdBy: 'system',
    createdAt: now,
  };
}

/** What made something less trusted since the backup, in the order of the log. */
async function replay(
  store: Store,
  since: readonly ExportedEvent[],
  now: number,
): Promise<readonly Change[]> {
  const { size } = await store.head();
  const changes = new Map<string, Change>();
  for (const event of since.toSorted((one, two) => one.seq - two.seq)) {
    if (event.seq <= size) continue;
    for (const change of await replayOne(store, event, now)) {
      changes.set(
        'put' in change ? `${change.put} ${change.value.id}` : `${change.delete} ${change.id}`,
        change,
      );
    }
  }
  return [...changes.values()];
}

async function replayOne(store: Store, event: ExportedEvent, now: number): Promise<readonly Change[]> {
  switch (event.type) {
    case 'lock.created': {
      const id = parseId('lck', event.lock ?? '');
      const selector = selectorOf(event);
      const reason =
        typeof event.body?.['reason'] === 'string' ? event.body['reason'] : 'locked since the backup';
      if (id === undefined || selector === undefined) return [];
      return [{ put: 'lock', value: { id, selector, reason, createdBy: 'system', createdAt: now } }];
    }
    case 'lock.removed': {
      const id = parseId('lck', event.lock ?? '');
      return id === undefined ? [] : [{ delete: 'lock', id }];
    }
    case 'device.removed': {
      const id = parseId('dev', event.device ?? '');
      return id === undefined ? [] : [{ delete: 'device', id }];
    }
    case 'device.quarantined': {
      const id = parseId('dev', event.device ?? '');
      const device = id === undefined ? undefined : (await store.get('device', id))?.value;
      if (device === undefined) return [];
      const why = holdReasons.find((known) => known === event.code) ?? 'clone';
      const held: Device = { ...device, hold: { why, since: now } };
      return [{ put: 'device', value: held }];
    }
    case 'identity.removed': {
      const id = parseId('idn', event.identity ?? '');
      return id === undefined ? [] : [{ delete: 'identity', id }];
    }
    case 'role.revoked': {
      const id = parseId('idn', event.identity ?? '');
      const identity = id === undefined ? undefined : (await store.get('identity', id))?.value;
      const role = event.body?.['role'];
      if (identity === undefined) return [];
      return [
        { put: 'identity', value: { ...identity, roles: identity.roles.filter((own) => own !== role) } },
      ];
    }
    default:
      return [];
  }
}

function selectorOf({ body, identity, device, session, service }: ExportedEvent): LockSelector | undefined {
  const ids = {
    identity: parseId('idn', identity ?? ''),
    device: parseId('dev', device ?? ''),
    session: parseId('ses', session ?? ''),
    service: parseId('svc', service ?? ''),
  };
  switch (body?.['kind']) {
    case 'identity':
      return ids.identity && { kind: 'identity', id: ids.identity };
    case 'device':
      return ids.device && { kind: 'device', id: ids.device };
    case 'session':
      return ids.session && { kind: 'session', id: ids.session };
    case 'service':
      return ids.service && { kind: 'service', id: ids.service };
    case 'all_sessions':
      return { kind: 'all_sessions', id: '*' };
    default:
      return undefined;
  }
}

/** One event a line, or one list of them, as the audit commands print them. Throws SallyportError. */
export function readExport(text: string): readonly ExportedEvent[] {
  const parse = (part: string): unknown => {
    try {
      return JSON.parse(part) as unknown;
    } catch (cause) {
      throw new SallyportError('invalid', 'the exported log is not JSON', {
        next: 'export it with: sallyport audit search --json, or audit tail --json',
        cause,
      });
    }
  };
  const trimmed = text.trim();
  const events = trimmed.startsWith('[') ? (parse(trimmed) as unknown[]) : trimmed.split('\n').map(parse);
  for (const event of events) {
    const { seq, type } = (event ?? {}) as Record<string, unknown>;
    if (typeof seq !== 'number' || typeof type !== 'string') {
      throw new SallyportError('invalid', 'the exported log holds something that is no event', {
        next: 'export it with: sallyport audit search --json, or audit tail --json',
      });
    }
  }
  return events as readonly ExportedEvent[];
}
