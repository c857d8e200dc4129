// A commit made ready when it is called: values and events become text there and then, so that nobody can
// change them while they wait, and what cannot be written fails alone and before anything is touched.

import { eventText, type EventText } from '../log/event-text.ts';
import { columnsOf, type Columns } from './record-columns.ts';
import type { Change, Commit, RecordKind, Records } from './store.ts';

export interface PreparedPut {
  readonly op: 'put';
  readonly kind: RecordKind;
  readonly id: string;
  readonly text: string;
  readonly columns: Columns;
  readonly rev?: number;
}

export interface PreparedDelete {
  readonly op: 'delete';
  readonly kind: RecordKind;
  readonly id: string;
  readonly rev?: number;
}

export type PreparedChange = PreparedPut | PreparedDelete;

export interface PreparedCommit {
  /** Unix ms at the call: the time that the events will carry. */
  readonly at: number;
  readonly changes: readonly PreparedChange[];
  readonly events: readonly EventText[];
}

export function prepareCommit(commit: Commit, at: number): PreparedCommit {
  return { at, changes: commit.changes.map(prepareChange), events: commit.events.map(eventText) };
}

function prepareChange(change: Change): PreparedChange {
  const condition = change.rev === undefined ? {} : { rev: change.rev };
  if ('delete' in change) return { op: 'delete', kind: change.delete, id: change.id, ...condition };
  return { ...preparePut(change.put, change.value), ...condition };
}

function preparePut<K extends RecordKind>(kind: K, value: Records[K]): PreparedPut {
  return { op: 'put', kind, id: value.id, text: JSON.stringify(value), columns: columnsOf(kind, value) };
}

/** The commit as it was given, for the reserve: what it says survives a change of our columns. */
export function restoreCommit(prepared: PreparedCommit): Commit {
  return {
    changes: prepared.changes.map(restoreChange),
    events: prepared.events.map(({ fields, body }) => ({
      ...fields,
      body: JSON.parse(body) as Commit['events'][number]['body'],
    })),
  };
}

function restoreChange(change: PreparedChange): Change {
  const condition = change.rev === undefined ? {} : { rev: change.rev };
  if (change.op === 'delete') return { delete: change.kind, id: change.id, ...condition };
  return { put: change.kind, value: JSON.parse(change.text) as unknown, ...condition } as Change;
}
