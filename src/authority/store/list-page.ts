// Pages of a list, and the opaque text that leads from one to the next.

import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Row, RowPage } from './backend.ts';
import type { Page } from './store.ts';

/** Throws SallyportError `invalid` on an `after` that no page of this order gave. */
export function readPage({ after, limit = limits.apiPageDefault, order = 'id' }: Page): RowPage {
  const bounded = Math.max(1, Math.min(Math.floor(limit), limits.apiPageMax));
  if (after === undefined) return { order, limit: bounded };
  return { order, limit: bounded, after: readCursor(order, after) };
}

export function nextCursor(order: RowPage['order'], last: Row): string {
  return order === 'newest' ? cursor(`newest:${last.place}`) : cursorAfter(last.id);
}

/** Of the order by ids: whatever comes after this one, whether it is there or not. */
export function cursorAfter(id: string): string {
  return cursor(`id:${id}`);
}

function cursor(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url');
}

function readCursor(order: RowPage['order'], after: string): string | number {
  const text = Buffer.from(after, 'base64url').toString('utf8');
  const value = text.slice(order.length + 1);
  const isOurs = text.startsWith(`${order}:`) && (order === 'id' || /^\d{1,15}$/.test(value));
  if (!isOurs) {
    throw new SallyportError('invalid', 'the place to go on from is not one that a list of this order gave', {
      next: 'start again from the first page',
    });
  }
  return order === 'id' ? value : Number(value);
}
