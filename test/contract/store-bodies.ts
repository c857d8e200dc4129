// The bodies of the Store that pass one contract, each with the switch that fills its disk, and records to
// put into them.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventDraft } from '../../src/core/event.ts';
import { newId } from '../../src/core/ids.ts';
import type { Enrollment, Identity } from '../../src/core/identity.ts';
import type { Lock } from '../../src/core/lock.ts';
import type { Session } from '../../src/core/session-record.ts';
import { openCommittingStore } from '../../src/authority/store/committing-store.ts';
import { openMemoryStore } from '../../src/authority/store/memory-store.ts';
import { openReserveFile } from '../../src/authority/store/reserve-file.ts';
import { openSqliteBackend } from '../../src/authority/store/sqlite-backend.ts';
import { openDatabase } from '../../src/authority/store/sqlite-store.ts';
import type { StoreLog } from '../../src/authority/store/store-log.ts';
import type { Store } from '../../src/authority/store/store.ts';
import { finishChain, startChain, verifyLeaves, type ChainStep } from '../../src/wire/audit-chain.ts';
import { ManualClock } from '../../src/platform/manual-clock.ts';
import { seededRandom } from '../../src/platform/seeded-random.ts';

export interface Opened extends AsyncDisposable {
  readonly store: Store;
  readonly clock: ManualClock;
  /** While full, nothing can be written to the store; the reserve can. */
  readonly setFull: (isFull: boolean) => void;
  /** What the store said to its log. */
  readonly said: readonly string[];
  /** Cuts that not even the reserve could take. */
  readonly lost: readonly Error[];
}

export interface Body {
  readonly name: string;
  open(options?: { readonly reserveBytes?: number }): Promise<Opened>;
}

const reserveBytes = 64 * 1024;

const memory: Body = {
  name: 'memory',
  async open(options = {}) {
    const parts = partsOf('memory');
    const store = await openMemoryStore({ ...parts, reserveBytes: options.reserveBytes ?? reserveBytes });
    const setFull = (isFull: boolean): void => store.setFull(isFull);
    return { store, ...parts, setFull, [Symbol.asyncDispose]: () => store.close() };
  },
};

const sqlite: Body = {
  name: 'sqlite',
  async open(options = {}) {
    const parts = partsOf('sqlite');
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-store-'));
    const database = openDatabase(join(folder, 'store.db'));
    const backend = await openSqliteBackend({ database, random: parts.random, name: 'store.db' });
    const reserve = await openReserveFile({
      path: join(folder, 'reserve'),
      bytes: options.reserveBytes ?? reserveBytes,
      log: parts.log,
    });
    const store = await openCommittingStore({ ...parts, backend, reserve });
    return {
      store,
      ...parts,
      // SQLite refuses every write and allows every read, as on a disk that turned read-only.
      setFull: (isFull) => database.exec(`pragma query_only = ${isFull ? 1 : 0}`),
      async [Symbol.asyncDispose]() {
        await store.close();
        await rm(folder, { recursive: true });
      },
    };
  },
};

export const bodies: readonly Body[] = [memory, sqlite];

export function partsOf(seed: string) {
  const said: string[] = [];
  const lost: Error[] = [];
  const say = (_details: object, message: string): void => void said.push(message);
  const log: StoreLog = { warn: say, error: say };
  const onSinkFailed = (error: Error): void => void lost.push(error);
  return { clock: new ManualClock(), random: seededRandom(seed), log, said, lost, onSinkFailed };
}

const chance = seededRandom('records');

export function identity(name: string, more: Partial<Identity> = {}): Identity {
  const id = newId('idn', chance.bytes(16));
  return { id, kind: 'human', name, roles: ['operator'], tenant: 'default', createdAt: 0, ...more };
}

export function lock(reason = 'lost laptop'): Lock {
  const id = newId('lck', chance.bytes(16));
  const selector = { kind: 'identity', id: newId('idn', chance.bytes(16)) } as const;
  return { id, tenant: 'default', selector, reason, createdBy: 'system', createdAt: 0 };
}

export function enrollment(tokenHash: string): Enrollment {
  const id = newId('enr', chance.bytes(16));
  const createdBy = newId('idn', chance.bytes(16));
  return {
    id,
    tenant: 'default',
    kind: 'device',
    tokenHash,
    name: 'pump-7',
    createdBy,
    createdAt: 0,
    expiresAt: 1,
  };
}

export function session(more: Partial<Session> = {}): Session {
  return {
    id: newId('ses', chance.bytes(16)),
    tenant: 'default',
    identity: newId('idn', chance.bytes(16)),
    device: newId('dev', chance.bytes(16)),
    kind: 'shell',
    target: 'pump-7',
    cnf: 'thumbprint',
    link: newId('lnk', chance.bytes(16)),
    linkNonce: 'nonce',
    gate: 'gate-1',
    policy: newId('pol', chance.bytes(16)),
    policies: ['allow-operators'],
    state: 'active',
    idleMs: 1,
    params: { kind: 'shell', pty: { term: 'xterm', cols: 80, rows: 24 }, env: {} },
    createdAt: 0,
    startBy: 1,
    mustEndAt: 2,
    channels: 0,
    bytesUp: 0,
    bytesDown: 0,
    ...more,
  };
}

/** An event; `note` tells it from others. */
export function event(note: string, more: Partial<EventDraft> = {}): EventDraft {
  return {
    type: 'lock.created',
    actor: { kind: 'system', id: 'test' },
    outcome: 'success',
    body: { note },
    ...more,
  };
}

/** All notes on the log, in order. */
export async function notes(store: Store): Promise<readonly unknown[]> {
  return (await store.events({}, { limit: 1_000 })).map(({ body }) => body['note']);
}

/** What an auditor does: reads the whole log, page by page, and holds it against its head. */
export async function verifyLog(store: Store): Promise<ChainStep> {
  const head = await store.head();
  let state = startChain([head]);
  for (;;) {
    const leaves = await store.leaves(state.size + 1, 100);
    if (leaves.length === 0) return finishChain(state);
    const step = verifyLeaves(state, leaves);
    if (!step.ok) return step;
    state = step.state;
  }
}
