// A ticket as somebody typed it.

import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { isTicketId } from '../../core/ticket.ts';

/** Throws `invalid`. */
export function requireTicketId(text: string): void {
  if (isTicketId(text)) return;
  throw new SallyportError('invalid', `"${printable(text, 80)}" is not a ticket`, {
    next: 'write it as your ticket system does, for example CHG-4711',
  });
}
