// Times as the api writes and reads them: RFC 3339 UTC.

import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** A time that a person gave -> the log's own form, with microseconds, which compares as text. */
export function requireLogTime(text: string): string {
  const ms = Date.parse(text);
  // Date.parse also takes dates in words, in local time; those mean something else elsewhere.
  if (Number.isNaN(ms) || !/^\d{4}-\d{2}-\d{2}(?:T[0-9:.]+(?:Z|[+-]\d{2}:\d{2}))?$/.test(text)) {
    throw new SallyportError('invalid', `"${printable(text, 40)}" is not a time`, {
      next: 'write it as 2030-01-31 or 2030-01-31T12:00:00Z',
    });
  }
  return iso(ms).replace('Z', '000Z');
}
