// Which fields of a record are columns: those that a filter may name and those that must be unique. The
// value itself is kept whole, as JSON; the columns are only its index. One table, for every store body.

import type { ProviderSubject } from '../../core/identity.ts';
import { isOpen } from '../../core/request.ts';
import { isLive } from '../../core/session.ts';
import { sha256 } from '../../wire/signed.ts';
import { nameIn } from '../../core/tenant.ts';
import type { Filters, RecordKind, Records } from './store.ts';

export const columnNames = [
  'name',
  'holder',
  'spki',
  'serial',
  'token_hash',
  'owner',
  'number',
  'live',
  'awaits_receipt',
  'unreviewed',
  'identity',
  'device',
  'subject',
  'vendor',
  'tenant',
] as const;
export type ColumnName = (typeof columnNames)[number];
export type ColumnValue = string | number;
/** What a column holds. */
export type ColumnType<C extends ColumnName> = C extends 'number' | 'live' | 'awaits_receipt' | 'unreviewed'
  ? number
  : string;
export type Columns = { readonly [C in ColumnName]?: ColumnType<C> };

/** One text for a person at a provider, for `Filters.identity.subject`. */
export function subjectKey({ issuer, subject }: ProviderSubject): string {
  return sha256(JSON.stringify([issuer, subject]));
}

interface Shape<T> {
  readonly columns: (value: T) => Columns;
  readonly unique: readonly ColumnName[];
}

const noColumns = { columns: () => ({}), unique: [] } as const;
const tenantOnly = {
  columns: ({ tenant }: { readonly tenant: string }) => ({ tenant }),
  unique: [],
} as const;

const shapes: { readonly [K in RecordKind]: Shape<Records[K]> } = {
  // Whoever no provider made known is himself: nobody else has that.
  identity: {
    columns: ({ id, tenant, name, provider }) => ({
      tenant,
      name: nameIn(tenant, name),
      subject: provider === undefined ? id : subjectKey(provider),
    }),
    unique: ['name', 'subject'],
  },
  credential: { columns: ({ holder, spki, serial }) => ({ holder, spki, serial }), unique: ['serial'] },
  enrollment: {
    columns: ({ tenant, tokenHash }) => ({ tenant, token_hash: tokenHash }),
    unique: ['token_hash'],
  },
  device: {
    columns: ({ tenant, name, spki, owner }) => ({ tenant, name: nameIn(tenant, name), spki, owner }),
    unique: ['name', 'spki'],
  },
  // Each tenant counts its own.
  policy: {
    columns: ({ tenant, number }) => ({ tenant, number, name: nameIn(tenant, String(number)) }),
    unique: ['name'],
  },
  lock: tenantOnly,
  service: {
    columns: ({ tenant, device, name }) => ({ tenant, name: `${device}/${name}`, device }),
    unique: ['name'],
  },
  session: {
    columns: ({ tenant, state, teardown, identity, device, vendor = '' }) => ({
      tenant,
      live: isLive(state) ? 1 : 0,
      awaits_receipt: teardown === 'pending' ? 1 : 0,
      identity,
      device,
      vendor,
    }),
    unique: [],
  },
  request: {
    columns: ({ tenant, state, requester, device }) => ({
      tenant,
      live: isOpen(state) ? 1 : 0,
      identity: requester,
      device,
    }),
    unique: [],
  },
  window: { columns: ({ tenant, name }) => ({ tenant, name: nameIn(tenant, name) }), unique: ['name'] },
  assertion: noColumns,
  passkey: { columns: ({ identity }) => ({ identity }), unique: [] },
  signin: { columns: ({ identity }) => ({ identity }), unique: [] },
  recovery: { columns: ({ identity }) => ({ identity }), unique: [] },
  totp: noColumns,
  ticket: tenantOnly,
  approverset: tenantOnly,
  notice: tenantOnly,
  change: {
    columns: ({ tenant, state, askedBy }) => ({
      tenant,
      live: state === 'pending' ? 1 : 0,
      identity: askedBy,
    }),
    unique: [],
  },
  delegation: {
    // Of who passed it on last: he is the one whose delegations are counted.
    columns: ({ tenant, chain, endedAt }) => ({
      tenant,
      live: endedAt === undefined ? 1 : 0,
      identity: chain.at(-1) ?? '',
    }),
    unique: [],
  },
  breakglass: {
    columns: ({ tenant, identity, reviewedAt, lock }) => ({
      tenant,
      live: reviewedAt === undefined && lock === undefined ? 1 : 0,
      unreviewed: reviewedAt === undefined ? 1 : 0,
      identity: identity ?? '',
    }),
    unique: [],
  },
  answer: noColumns,
  setting: noColumns,
  tenant: noColumns,
};

export const recordKinds = Object.keys(shapes) as readonly RecordKind[];

export function columnsOf<K extends RecordKind>(kind: K, value: Records[K]): Columns {
  return shapes[kind].columns(value);
}

export function uniqueColumns(kind: RecordKind): readonly ColumnName[] {
  return shapes[kind].unique;
}

/** Fields of a filter whose column has another name. */
const columnOfField: Readonly<Record<string, ColumnName>> = {
  tokenHash: 'token_hash',
  awaitsReceipt: 'awaits_receipt',
};

/** What a filter demands of the columns: all of it must hold. */
export type Condition = readonly [column: ColumnName, value: ColumnValue];

export function conditionsOf(filter: Filters[RecordKind]): readonly Condition[] {
  const conditions: Condition[] = [];
  for (const [field, value] of Object.entries(filter) as [string, unknown][]) {
    if (value === undefined || field === 'all') continue;
    const column = columnNames.find((name) => name === columnOfField[field] || name === field);
    // A filter that is not understood must not widen the answer.
    if (column === undefined) throw new TypeError(`no record can be found by "${field}"`);
    if (typeof value === 'boolean') conditions.push([column, value ? 1 : 0]);
    else if (typeof value === 'string' || typeof value === 'number') conditions.push([column, value]);
    else throw new TypeError(`"${field}" cannot be compared with a ${typeof value}`);
  }
  return conditions;
}

export function meets(columns: Columns, conditions: readonly Condition[]): boolean {
  return conditions.every(([column, value]) => columns[column] === value);
}
