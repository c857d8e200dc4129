// SQLite's result codes (sqlite.org/rescode.html) in the store's words.

import { StoreUnavailable } from './store.ts';

const words: Readonly<Record<number, string>> = {
  3: 'no permission',
  5: 'another process holds the database',
  6: 'another process holds the database',
  7: 'out of memory',
  8: 'the database is read-only',
  10: 'the disk reports an input/output error',
  11: 'the database is damaged; restore a backup',
  13: 'no space left on the disk',
  14: 'the database file cannot be opened',
  26: 'the file is not a database',
};

/** The primary result code, or undefined when the error is not SQLite's. */
export function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
    return undefined;
  return error.errcode & 0xff;
}

export function isConstraintViolation(error: unknown): boolean {
  return resultCode(error) === 19;
}

export function faultWords(error: unknown): string {
  const known = words[resultCode(error) ?? -1];
  return known ?? (error instanceof Error ? error.message : String(error));
}

/** `doing` is "written" or "read". */
export function storeUnavailable(error: unknown, doing: string): StoreUnavailable {
  if (error instanceof StoreUnavailable) return error;
  return new StoreUnavailable(`the store cannot be ${doing}: ${faultWords(error)}`, { cause: error });
}
