// The schema, step by step. A step that has been released is never edited; the next one is added below it.
// Names sort in order. A database with a step that is not here comes from a newer version and is refused.

import { sql, type Kysely } from 'kysely';
import { Migrator, type Migration } from 'kysely/migration';
import { SallyportError } from '../../core/errors.ts';

const first: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await recordTable(db, 'identity', { text: ['name'], unique: ['name'] });
    await recordTable(db, 'credential', { text: ['holder', 'spki', 'serial'], unique: ['serial'] });
    await recordTable(db, 'enrollment', { text: ['token_hash'], unique: ['token_hash'] });
    await recordTable(db, 'device', { text: ['name', 'spki', 'owner'], unique: ['name', 'spki'] });
    await recordTable(db, 'policy', { integer: ['number'], unique: ['number'] });
    await recordTable(db, 'lock', {});
    await recordTable(db, 'session', { integer: ['live', 'awaits_receipt'], text: ['identity', 'device'] });
    await recordTable(db, 'answer', {});
    await recordTable(db, 'setting', {});
    await leafTable(db);
    await db.schema
      .createTable('mark')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('value', 'integer', (column) => column.notNull())
      .execute();
  },
};

const services: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await recordTable(db, 'service', { text: ['name', 'device'], unique: ['name'] });
  },
};

const requests: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await recordTable(db, 'request', { integer: ['live'], text: ['identity', 'device'] });
  },
};

const windows: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await recordTable(db, 'window', { text: ['name'], unique: ['name'] });
  },
};

const assertions: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await recordTable(db, 'assertion', {});
  },
};

const passkeys: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await recordTable(db, 'passkey', { text: ['identity'] });
    await recordTable(db, 'signin', { text: ['identity'] });
  },
};

const tickets: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await recordTable(db, 'ticket', {});
  },
};

const breakGlass: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await recordTable(db, 'breakglass', { integer: ['live', 'unreviewed'], text: ['identity'] });
  },
};

const delegations: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await recordTable(db, 'delegation', { integer: ['live'], text: ['identity'] });
  },
};

const changes: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await recordTable(db, 'change', { integer: ['live'], text: ['identity'] });
  },
};

const notices: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await recordTable(db, 'notice', {});
  },
};

const approverSets: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await recordTable(db, 'approverset', {});
  },
};

const providers: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .alterTable('identity')
      .addColumn('subject', 'text', (column) => column.notNull().defaultTo(''))
      .execute();
    // Nobody was made known by a provider before: each is himself (record-columns.ts).
    await sql`update identity set subject = id`.execute(db);
    await db.schema.createIndex('identity_subject').on('identity').column('subject').unique().execute();
  },
};

const vendors: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .alterTable('session')
      .addColumn('vendor', 'text', (column) => column.notNull().defaultTo(''))
      .execute();
    await db.schema.createIndex('session_vendor').on('session').column('vendor').execute();
  },
};

const recovery: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await recordTable(db, 'recovery', { text: ['identity'] });
  },
};

const totp: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await recordTable(db, 'totp', {});
  },
};

const tenants: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await recordTable(db, 'tenant', {});
    // Everything that is here is the broker owner's. A filter by tenant goes beside others, which have their indexes.
    for (const table of [...ownedTables, ...alreadyOwned]) {
      await db.schema
        .alterTable(table)
        .addColumn('tenant', 'text', (column) => column.notNull().defaultTo('default'))
        .execute();
    }
    for (const table of ownedTables)
      await sql`update ${sql.table(table)} set value = json_set(value, '$.tenant', 'default')`.execute(db);
    // Revisions of policies are counted by each tenant.
    await db.schema
      .alterTable('policy')
      .addColumn('name', 'text', (column) => column.notNull().defaultTo(''))
      .execute();
    await sql`update policy set name = cast(number as text)`.execute(db);
    await db.schema.dropIndex('policy_number').execute();
    await db.schema.createIndex('policy_number').on('policy').column('number').execute();
    await db.schema.createIndex('policy_name').on('policy').column('name').unique().execute();
    // Null is the owner's: an index of the others alone never tempts a query of his.
    await db.schema.alterTable('leaf').addColumn('tenant', 'text').execute();
    await db.schema
      .createIndex('leaf_tenant')
      .on('leaf')
      .columns(['tenant', 'seq'])
      .where('tenant', 'is not', null)
      .execute();
  },
};

const ownedTables = [
  'enrollment',
  'policy',
  'lock',
  'service',
  'session',
  'request',
  'window',
  'ticket',
  'approverset',
  'breakglass',
  'delegation',
  'change',
  'notice',
] as const;
/** Their records said whose they are from the beginning. */
const alreadyOwned = ['identity', 'device'] as const;

export const migrations: Readonly<Record<string, Migration>> = {
  '0001_records_and_log': first,
  '0002_services': services,
  '0003_requests': requests,
  '0004_windows': windows,
  '0005_assertions': assertions,
  '0006_passkeys': passkeys,
  '0007_tickets': tickets,
  '0008_approver_sets': approverSets,
  '0009_break_glass': breakGlass,
  '0010_delegations': delegations,
  '0011_changes': changes,
  '0012_notices': notices,
  '0013_providers': providers,
  '0014_vendors': vendors,
  '0015_recovery': recovery,
  '0016_totp': totp,
  '0017_tenants': tenants,
};

export interface Steps {
  readonly known?: Readonly<Record<string, Migration>>;
  /** For words: which database it is. */
  readonly name: string;
}

/** Brings the schema up to this version. Throws SallyportError `store_unavailable` on a newer one. */
export async function migrate<T>(db: Kysely<T>, { known = migrations, name }: Steps): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve({ ...known }) } });
  const foreign = (await executedSteps(db)).findLast((step) => !Object.hasOwn(known, step));
  if (foreign !== undefined) {
    const newest = Object.keys(known).sort().at(-1) ?? 'none';
    throw new SallyportError(
      'store_unavailable',
      `the database "${name}" was written by a newer version: its schema is at "${foreign}", this version knows "${newest}"`,
      { next: 'run that newer version, or restore a backup that was made before it' },
    );
  }
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

/** Names of the steps that the database has taken, in order. */
export async function executedSteps<T>(db: Kysely<T>): Promise<readonly string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === 'kysely_migration')) return [];
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db);
  return rows.map((row) => row.name);
}

interface RecordColumns {
  readonly text?: readonly string[];
  readonly integer?: readonly string[];
  readonly unique?: readonly string[];
}

async function recordTable(db: Kysely<unknown>, name: string, columns: RecordColumns): Promise<void> {
  const { text = [], integer = [], unique = [] } = columns;
  let table = db.schema
    .createTable(name)
    // Auto-increment: a place is never given twice, also after a delete.
    .addColumn('place', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('id', 'text', (column) => column.notNull().unique())
    .addColumn('rev', 'integer', (column) => column.notNull())
    .addColumn('value', 'text', (column) => column.notNull());
  for (const column of text) table = table.addColumn(column, 'text', (built) => built.notNull());
  for (const column of integer) table = table.addColumn(column, 'integer', (built) => built.notNull());
  await table.execute();
  for (const column of [...text, ...integer]) {
    const index = db.schema.createIndex(`${name}_${column}`).on(name).column(column);
    await (unique.includes(column) ? index.unique() : index).execute();
  }
}

async function leafTable(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('leaf')
    .addColumn('seq', 'integer', (column) => column.primaryKey())
    .addColumn('id', 'text', (column) => column.notNull().unique())
    .addColumn('time', 'text', (column) => column.notNull())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('identity', 'text')
    .addColumn('device', 'text')
    .addColumn('session', 'text')
    .addColumn('envelope', 'text', (column) => column.notNull())
    .addColumn('salt', 'text')
    .addColumn('body', 'text')
    .addColumn('leaf_hash', 'text', (column) => column.notNull())
    .addColumn('chain_hash', 'text', (column) => column.notNull())
    .execute();
  for (const column of ['time', 'type', 'actor', 'identity', 'device', 'session']) {
    // With seq behind it, a narrowed list comes out of the index in order.
    await db.schema.createIndex(`leaf_${column}`).on('leaf').columns([column, 'seq']).execute();
  }
}
