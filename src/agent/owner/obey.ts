// Carries out what the local owner ordered. Ending comes first and cannot fail; consent is only noted, and
// opens nothing that no pass asks for.

import { SallyportError } from '../../core/errors.ts';
import type { OnSite } from '../break-glass/on-site.ts';
import type { SessionTable } from '../session-table.ts';
import type { Order } from './orders.ts';
import type { Owner } from './owner.ts';

export interface ObeyFacts {
  readonly owner: Owner;
  /** Of the live link. */
  readonly table: SessionTable | undefined;
  readonly onSite: OnSite;
}

export interface Allowed {
  /** False: sessions open without consent anyway. */
  readonly isRequired: boolean;
  /** Sessions that waited, and now go on. */
  readonly admitted: readonly string[];
}

export interface Cut {
  readonly cut: readonly string[];
  /** Sessions that waited for consent, and were sent away. */
  readonly refused: readonly string[];
}

/** Throws SallyportError with words. */
export function obey(
  order: Exclude<Order, { do: 'status' | 'pin' | 'pin_breakglass' | 'breakglass' }>,
  facts: ObeyFacts,
): Allowed | Cut {
  const { consent, rules } = facts.owner;
  const isRequired = rules.isConsentRequired;
  switch (order.do) {
    case 'allow':
      return { isRequired, admitted: consent.give(order.forMs, order.session) };
    case 'allow_nobody':
      consent.withdraw();
      return { isRequired, admitted: [] };
    case 'cut':
      return cut(order.session, facts);
    default:
      return order satisfies never;
  }
}

function cut(session: string | undefined, { owner, table, onSite }: ObeyFacts): Cut {
  const live = (table?.sessions ?? []).map(({ id }) => id);
  const meant: string[] = session === undefined ? live : live.filter((id) => id === session);
  // Whoever is thrown out must not be let in again by a consent that he was given before.
  if (session === undefined) owner.consent.withdraw();
  for (const id of meant) table?.end(id, 'owner_cut');
  const local = onSite.cut('owner_cut', session);
  if (local !== undefined) meant.push(local);
  const refused = owner.consent.refuse(session);
  if (session !== undefined && meant.length + refused.length === 0) {
    throw new SallyportError('not_found', `no session "${session}" is in`, {
      next: 'see who is: sallyport agent status',
    });
  }
  return { cut: meant, refused };
}
