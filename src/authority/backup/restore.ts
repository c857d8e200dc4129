// Use-case: a broker comes back from a backup (design section 4). What the backup says was live is over: its
// sessions are ended, its tokens and remembered answers are gone, people sign in anew. The state epoch rises, so
// that devices take back a broker that is behind them, and refuse one that was put back without it. Locks since
// the backup are taken from an exported log; without one, no session opens until an administrator says so.
//
// All of it is one commit, on a store that nobody uses yet.

import { defaultTenant } from '../../core/tenant.ts';
import { holdReasons, type Device } from '../../core/device.ts';
import { SallyportError } from '../../core/errors.ts';
import type { EventDraft } from '../../core/event.ts';
import { roles, type Identity, type Role } from '../../core/identity.ts';
import { newId, parseId } from '../../core/ids.ts';
import type { Lock, LockSelector } from '../../core/lock.ts';
import { canStep, isLive, step } from '../../core/session.ts';
import type { Session } from '../../core/session-record.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Random } from '../../platform/random.ts';
import { eachRecord } from '../admin/each-record.ts';
import { readStateEpoch, settingIds } from '../settings.ts';
import type { Change, RecordKind, Store } from '../store/store.ts';

/** An event of an exported log, as far as it is looked at. */
export interface ExportedEvent {
  /** Absent: of the broker itself, and of its owner. */
  readonly tenant?: string | undefined;
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
  /** Access requests that were undecided, or approved and not used. */
  readonly requestsVoided: number;
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
  // One that was used since must not be good again.
  const codes = await all(store, 'recovery');
  const tokens = await all(store, 'enrollment');
  const answers = await all(store, 'answer');
  changes.push(...tokens, ...codes, ...answers);
  const requests = await cancelRequests(store, now);
  changes.push(...requests);
  const signIns = await revokeSignIns(store, now);
  changes.push(...signIns, ...(await all(store, 'signin')));

  const replayed = since === undefined ? [] : await replay(store, since, now);
  changes.push(...replayed);
  const seal = since === undefined ? sealingLock(random, now) : undefined;
  if (seal !== undefined) changes.push({ put: 'lock', value: seal });

  const { size } = await store.head();
  const restoration: Restoration = {
    stateEpoch,
    sessionsEnded: ended.length,
    tokensVoided: tokens.length,
    requestsVoided: requests.length,
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

async function all(
  store: Store,
  kind: 'enrollment' | 'answer' | 'signin' | 'recovery',
): Promise<readonly Change[]> {
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

/** An approval may have been taken back, or its grant used, since. */
async function cancelRequests(store: Store, now: number): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for await (const { value } of eachRecord(store, 'request', { filter: { live: true } })) {
    changes.push({ put: 'request', value: { ...value, state: 'cancelled', decidedAt: now } });
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
    tenant: defaultTenant,
    selector: { kind: 'all_sessions', id: '*' },
    reason: 'restored from a backup: locks since then are not known here',
    createdBy: 'system',
    createdAt: now,
  };
}

/**
 * What made something less trusted since the backup, in the order of the log. Throws `invalid` when events are
 * missing in between: what they locked would be free.
 */
async function replay(
  store: Store,
  since: readonly ExportedEvent[],
  now: number,
): Promise<readonly Change[]> {
  const { size } = await store.head();
  const events = since.filter(({ seq }) => seq > size).sort((one, two) => one.seq - two.seq);
  const last = since.reduce((most, { seq }) => Math.max(most, seq), 0);
  if (last < size) {
    throw new SallyportError(
      'invalid',
      `the exported log ends at event ${last}, before the backup does at ${size}`,
      {
        next: 'export it up to its newest event, or leave --locks away: no session opens then until you say so',
      },
    );
  }
  const missing = events.findIndex(({ seq }, at) => seq !== size + 1 + at);
  if (missing >= 0) {
    throw new SallyportError('invalid', `the exported log does not hold event ${size + 1 + missing}`, {
      next: `export every event after ${size}, or leave --locks away: no session opens then until you say so`,
    });
  }
  const replayed = new Replayed(store);
  for (const event of events) await replayOne(replayed, event, now);
  return replayed.changes;
}

/** The records as the events before leave them: one may be changed by several. */
class Replayed {
  readonly #store: Store;
  readonly #changes = new Map<string, Change>();

  constructor(store: Store) {
    this.#store = store;
  }

  get changes(): readonly Change[] {
    return [...this.#changes.values()];
  }

  put(change: Extract<Change, { readonly put: RecordKind }>): void {
    this.#changes.set(`${change.put} ${change.value.id}`, change);
  }

  remove(kind: 'lock' | 'device' | 'identity' | 'passkey', id: string | undefined): void {
    if (id !== undefined) this.#changes.set(`${kind} ${id}`, { delete: kind, id });
  }

  async device(id: string | undefined): Promise<Device | undefined> {
    const changed = this.#changes.get(`device ${id}`);
    if (changed === undefined)
      return id === undefined ? undefined : (await this.#store.get('device', id))?.value;
    return 'put' in changed && changed.put === 'device' ? changed.value : undefined;
  }

  async identity(id: string | undefined): Promise<Identity | undefined> {
    const changed = this.#changes.get(`identity ${id}`);
    if (changed === undefined) {
      return id === undefined ? undefined : (await this.#store.get('identity', id))?.value;
    }
    return 'put' in changed && changed.put === 'identity' ? changed.value : undefined;
  }
}

async function replayOne(replayed: Replayed, event: ExportedEvent, now: number): Promise<void> {
  switch (event.type) {
    case 'lock.created': {
      const id = parseId('lck', event.lock ?? '');
      const selector = selectorOf(event);
      const reason =
        typeof event.body?.['reason'] === 'string' ? event.body['reason'] : 'locked since the backup';
      if (id === undefined || selector === undefined) return;
      return replayed.put({
        put: 'lock',
        value: {
          id,
          tenant: event.tenant ?? defaultTenant,
          selector,
          reason,
          createdBy: 'system',
          createdAt: now,
        },
      });
    }
    case 'lock.removed':
      return replayed.remove('lock', parseId('lck', event.lock ?? ''));
    case 'device.removed':
      return replayed.remove('device', parseId('dev', event.device ?? ''));
    case 'device.quarantined':
    case 'device.replaced': {
      const device = await replayed.device(parseId('dev', event.device ?? ''));
      if (device === undefined) return;
      // The key of the new board is not on the log; the one that the backup has is dead.
      const isReplaced = event.type === 'device.replaced';
      const why = isReplaced ? 'replaced' : (holdReasons.find((known) => known === event.code) ?? 'clone');
      return replayed.put({ put: 'device', value: { ...device, hold: { why, since: now } } });
    }
    case 'identity.removed':
      return replayed.remove('identity', parseId('idn', event.identity ?? ''));
    case 'passkey.removed':
      return replayed.remove(
        'passkey',
        typeof event.body?.['passkey'] === 'string' ? event.body['passkey'] : undefined,
      );
    case 'role.revoked': {
      const identity = await replayed.identity(parseId('idn', event.identity ?? ''));
      if (identity === undefined) return;
      const roles = identity.roles.filter((own) => own !== event.body?.['role']);
      return replayed.put({ put: 'identity', value: { ...identity, roles } });
    }
    default:
  }
}

function isRole(text: unknown): text is Role {
  return roles.some((role) => role === text);
}

function selectorOf({ body, identity, device, session, service }: ExportedEvent): LockSelector | undefined {
  const ids = {
    identity: parseId('idn', identity ?? ''),
    device: parseId('dev', device ?? ''),
    session: parseId('ses', session ?? ''),
    service: parseId('svc', service ?? ''),
  };
  const subject = body?.['subject'];
  switch (body?.['kind']) {
    case 'identity':
      return ids.identity && { kind: 'identity', id: ids.identity };
    case 'device':
      return ids.device && { kind: 'device', id: ids.device };
    case 'session':
      return ids.session && { kind: 'session', id: ids.session };
    case 'service':
      return ids.service && { kind: 'service', id: ids.service };
    case 'role':
      return isRole(subject) ? { kind: 'role', id: subject } : undefined;
    case 'vendor':
    case 'ticket':
    case 'tenant':
      return typeof subject === 'string' ? { kind: body['kind'], id: subject } : undefined;
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
        next: 'export it with: sallyport audit search --all-tenants --limit 1000000 --json',
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
        next: 'export it with: sallyport audit search --all-tenants --limit 1000000 --json',
      });
    }
  }
  return events as readonly ExportedEvent[];
}
