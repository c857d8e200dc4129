// The tables as the query module sees them. Every kind of record has a table of its own with the columns
// of record-columns.ts; one row type serves them all, since a query only ever names its own kind's columns.

import type { ColumnType as KyselyColumn, Generated } from 'kysely';
import type { ColumnName, ColumnType } from './record-columns.ts';
import type { RecordKind } from './store.ts';

/** Left out of an insert where the kind does not have it. */
type IndexColumn<T> = KyselyColumn<T, T | undefined, T>;

export type RecordTable = {
  readonly place: Generated<number>;
  readonly id: string;
  readonly rev: number;
  /** The record as JSON. */
  readonly value: string;
} & { readonly [C in ColumnName]: IndexColumn<ColumnType<C>> };

export interface LeafTable {
  readonly seq: number;
  readonly id: string;
  readonly time: string;
  readonly type: string;
  readonly actor: string;
  readonly identity: string | null;
  readonly device: string | null;
  readonly session: string | null;
  /** Null: of the broker itself, and of its owner. */
  readonly tenant: string | null;
  readonly envelope: string;
  /** Null once the body was erased. */
  readonly salt: string | null;
  readonly body: string | null;
  readonly leaf_hash: string;
  readonly chain_hash: string;
}

/** One row, 'reserve': up to which record the reserve has been replayed. */
export interface MarkTable {
  readonly id: string;
  readonly value: number;
}

export type Tables = { readonly [K in RecordKind]: RecordTable } & {
  readonly leaf: LeafTable;
  readonly mark: MarkTable;
};
