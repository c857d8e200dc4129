// The Store on node:sqlite, the default: one file beside its reserve, nothing to install. Opening it is
// where a person meets most of its faults, so each is said in words with what to do.

import { closeSync, fchmodSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { fileFault } from '../../platform/file-fault.ts';
import type { Chance } from '../log/sequencer.ts';
import type { Backend } from './backend.ts';
import { openCommittingStore } from './committing-store.ts';
import { messageOf } from './held-cuts.ts';
import { openReserveFile } from './reserve-file.ts';
import type { Reserve } from './reserve.ts';
import { openSqliteBackend } from './sqlite-backend.ts';
import { faultWords, resultCode } from './sqlite-fault.ts';
import { stderrLog, type StoreLog } from './store-log.ts';
import type { Store } from './store.ts';

export interface SqliteStoreOptions {
  /** The database file; made where it is missing, in a directory that exists. */
  readonly path: string;
  /** The preallocated file that takes cuts while the database cannot be written. */
  readonly reservePath: string;
  readonly clock: { now(): number };
  readonly random: Chance;
  readonly log?: StoreLog;
  /** A cut took place and not even the reserve could take it; it is held in memory only. */
  readonly onSinkFailed?: (error: Error) => void;
}

/** Throws SallyportError `store_unavailable`, with words, when there is no store to be had. */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { path, clock, random, log = stderrLog, onSinkFailed = () => undefined } = options;
  const database = openDatabase(path);
  let backend: Backend | undefined;
  let reserve: Reserve | undefined;
  try {
    backend = await openSqliteBackend({ database, random, name: path });
    reserve = await openReserve(options.reservePath, log);
    return await openCommittingStore({ backend, reserve, clock, log, onSinkFailed });
  } catch (error) {
    await reserve?.close();
    await backend?.close();
    if (database.isOpen) database.close();
    throw refusal(error, path);
  }
}

/** Opens the file alone, private to its owner, with each commit durable when it returns. */
export function openDatabase(path: string): DatabaseSync {
  try {
    const descriptor = openSync(path, 'a', 0o600);
    // The mode above is for a new file only. SQLite gives its own files beside it the same mode.
    fchmodSync(descriptor, 0o600);
    closeSync(descriptor);
  } catch (error) {
    const { message, next } = fileFault(error, 'open', path);
    throw new SallyportError('store_unavailable', message, { next, cause: error });
  }
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    // Exclusive: a second broker on the same file would fork the log.
    database.exec(`
      pragma busy_timeout = 2000;
      pragma locking_mode = exclusive;
      pragma journal_mode = wal;
      pragma synchronous = full;
      pragma foreign_keys = on;
      pragma temp_store = memory;
    `);
    return database;
  } catch (error) {
    database?.close();
    throw refusal(error, path);
  }
}

async function openReserve(path: string, log: StoreLog): Promise<Reserve> {
  try {
    return await openReserveFile({ path, bytes: limits.reserveBytes, log });
  } catch (error) {
    const fault = fileFault(error, 'allocate the reserve', path);
    throw new SallyportError('store_unavailable', fault.message, { next: fault.next, cause: error });
  }
}

function refusal(error: unknown, path: string): SallyportError {
  if (error instanceof SallyportError) return error;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = resultCode(cause);
  const why = code === undefined ? messageOf(error) : faultWords(cause);
  const isHeld = code === 5 || code === 6;
  return new SallyportError('store_unavailable', `cannot open the database "${path}": ${why}`, {
    next: isHeld ? 'stop the other process, or choose another data directory' : 'check the disk and the file',
    cause: error,
  });
}
