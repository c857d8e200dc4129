// What would turn a no into a yes: the question is asked again with hypothetical context, first one change
// at a time, then two together, and so on; the smallest number of changes that helps is told in words.
// Only what a person can go and get is tried (approvals, a fresh MFA, a ticket, a window), and only where
// some policy reads it, so that an ordinary denial costs no second evaluation. Pure.

import type { QuestionContext } from '../../core/decision.ts';
import { limits } from '../../core/limits.ts';

interface Change {
  readonly words: string;
  readonly context: Partial<QuestionContext>;
}

/** One thing to get, with its forms from the least demanding on. */
type Remedy = readonly Change[];

/** More approvals than this are not guessed at. */
const approvalsTried = limits.approversMax;
/** Of the tickets that policies name; each costs an evaluation. */
const ticketsTried = 8;

export function whatWouldHelp(options: {
  readonly context: QuestionContext;
  /** Context attributes that the policies read. */
  readonly reads: ReadonlySet<string> | 'all';
  /** Tickets that the policies would take, so that a demand for "CHG-…" is met by the hypothesis. */
  readonly tickets: readonly string[];
  readonly isAllowed: (context: QuestionContext) => boolean;
}): readonly string[] {
  const remedies = remediesFor(options);
  for (let size = 1; size <= remedies.length; size += 1) {
    const help = combinations(remedies, size).flatMap((chosen) => {
      const changes = alternatives(chosen).find((all) =>
        options.isAllowed(Object.assign({}, options.context, ...all.map((change) => change.context))),
      );
      return changes === undefined ? [] : [changes.map((change) => change.words).join(' and ')];
    });
    if (help.length > 0) return help;
  }
  return [];
}

function remediesFor(options: Omit<Parameters<typeof whatWouldHelp>[0], 'isAllowed'>): readonly Remedy[] {
  const { context, reads } = options;
  const isRead = (attribute: string): boolean => reads === 'all' || reads.has(attribute);
  const remedies: Remedy[] = [];
  const held = context.approvals ?? 0;
  if (isRead('approvals') && Number.isInteger(held) && held >= 0 && held < approvalsTried) {
    const counts = Array.from({ length: approvalsTried - held }, (_, index) => held + index + 1);
    remedies.push(
      counts.map((approvals) => ({
        words: approvalWords(held, approvals),
        context: { approvals, passkeyApprovals: approvals },
      })),
    );
  }
  if (isRead('mfaAgeSeconds'))
    remedies.push([{ words: 'a fresh MFA', context: { mfaAgeMs: 0, mfaIsForThis: true } }]);
  if (isRead('ticket') && context.ticket === undefined) {
    const tickets = ['TICKET-1', ...options.tickets.slice(0, ticketsTried)];
    remedies.push(tickets.map((ticket) => ({ words: 'a ticket', context: { ticket } })));
  }
  if (isRead('inWindow') && context.inWindow !== true) {
    remedies.push([{ words: 'an open access window', context: { inWindow: true } }]);
  }
  return remedies;
}

function approvalWords(held: number, needed: number): string {
  if (held > 0) return needed - held === 1 ? 'one more approval' : `${needed - held} more approvals`;
  return needed === 1 ? 'an approval' : `${needed} approvals`;
}

/** All ways to choose `size` of the items, in order. */
function combinations<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  if (size === 0) return [[]];
  return items.flatMap((item, index) =>
    combinations(items.slice(index + 1), size - 1).map((rest) => [item, ...rest]),
  );
}

/** One form of each remedy, the least demanding first. */
function alternatives(remedies: readonly Remedy[]): readonly (readonly Change[])[] {
  return remedies.reduce<readonly (readonly Change[])[]>(
    (chosen, forms) => chosen.flatMap((some) => forms.map((form) => [...some, form])),
    [[]],
  );
}
