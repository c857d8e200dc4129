// The audit log in SQL. Appending compiles its statement once, since it is on the path of every commit.

import type { Kysely } from 'kysely';
import { defaultTenant } from '../../core/tenant.ts';
import type { Leaf } from '../../wire/audit-leaf.ts';
import type { Line, LogHead } from '../log/sequencer.ts';
import { emptyLog } from '../log/sequencer.ts';
import { parseMicros } from '../log/log-time.ts';
import type { EventPage } from './backend.ts';
import type { LeafTable, Tables } from './schema.ts';
import { StoreUnavailable, type EventFilter } from './store.ts';

const leafColumns = ['seq', 'envelope', 'salt', 'body', 'leaf_hash', 'chain_hash'] as const;
type LeafRow = Pick<LeafTable, (typeof leafColumns)[number]>;

export function leafRow({ leaf, event }: Line): LeafTable {
  return {
    seq: leaf.seq,
    id: event.id,
    time: event.time,
    type: event.type,
    actor: event.actor.id,
    identity: event.identity ?? null,
    device: event.device ?? null,
    session: event.session ?? null,
    tenant: event.tenant ?? null,
    envelope: leaf.envelope,
    salt: leaf.salt ?? null,
    body: leaf.body ?? null,
    leaf_hash: leaf.leafHash,
    chain_hash: leaf.chainHash,
  };
}

/** SQL for one insert; its parameters are a LeafTable's values in the order of leafRow. */
export function insertLeafSql(db: Kysely<Tables>, sample: LeafTable): string {
  return db.insertInto('leaf').values(sample).compile().sql;
}

export async function selectEvents(
  db: Kysely<Tables>,
  filter: EventFilter,
  { afterSeq, limit, newest = false }: EventPage,
): Promise<readonly Leaf[]> {
  const { types, identity, device, session, tenant, from, until } = filter;
  // Not every database has an empty list.
  if (types?.length === 0) return [];
  let query = db.selectFrom('leaf').select(leafColumns).limit(limit);
  if (afterSeq !== undefined) query = query.where('seq', '>', afterSeq);
  if (types !== undefined) query = query.where('type', 'in', types);
  if (identity !== undefined) {
    query = query.where((eb) => eb.or([eb('identity', '=', identity), eb('actor', '=', identity)]));
  }
  if (device !== undefined) {
    query = query.where((eb) => eb.or([eb('device', '=', device), eb('actor', '=', device)]));
  }
  if (session !== undefined) query = query.where('session', '=', session);
  if (tenant === defaultTenant) query = query.where('tenant', 'is', null);
  else if (tenant !== undefined) query = query.where('tenant', '=', tenant);
  if (from !== undefined) query = query.where('time', '>=', from);
  if (until !== undefined) query = query.where('time', '<', until);
  return (await query.orderBy('seq', newest ? 'desc' : 'asc').execute()).map(leafOf);
}

export async function selectEvent(db: Kysely<Tables>, id: string): Promise<Leaf | undefined> {
  const row = await db.selectFrom('leaf').select(leafColumns).where('id', '=', id).executeTakeFirst();
  return row === undefined ? undefined : leafOf(row);
}

export async function selectLeaves(
  db: Kysely<Tables>,
  fromSeq: number,
  limit: number,
): Promise<readonly Leaf[]> {
  const query = db.selectFrom('leaf').select(leafColumns).where('seq', '>=', fromSeq);
  return (await query.orderBy('seq').limit(limit).execute()).map(leafOf);
}

/** Where the log ends. Throws StoreUnavailable when its last line cannot be read. */
export async function selectHead(db: Kysely<Tables>): Promise<LogHead> {
  const query = db.selectFrom('leaf').select(['seq', 'time', 'chain_hash']);
  const last = await query.orderBy('seq', 'desc').limit(1).executeTakeFirst();
  if (last === undefined) return emptyLog;
  const micros = parseMicros(last.time);
  if (micros === undefined)
    throw new StoreUnavailable(`event ${last.seq} has the unreadable time "${last.time}"`);
  return { size: last.seq, chainHash: last.chain_hash, micros };
}

export async function selectReplayedTo(db: Kysely<Tables>): Promise<number> {
  const mark = await db.selectFrom('mark').select('value').where('id', '=', 'reserve').executeTakeFirst();
  return mark?.value ?? 0;
}

export async function markReplayed(db: Kysely<Tables>, value: number): Promise<void> {
  await db
    .insertInto('mark')
    .values({ id: 'reserve', value })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ value }))
    .execute();
}

function leafOf(row: LeafRow): Leaf {
  return {
    seq: row.seq,
    envelope: row.envelope,
    ...(row.salt === null ? {} : { salt: row.salt }),
    ...(row.body === null ? {} : { body: row.body }),
    leafHash: row.leaf_hash,
    chainHash: row.chain_hash,
  };
}
