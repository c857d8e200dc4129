// Use-case: somebody asks for access that policy gives once other people have approved it. What an approval would
// not help is refused at once, and so is what nobody could approve: nobody waits for nothing.

import type { z } from 'zod';
import type { requestBody, RequestFiled } from '../../api/requests.ts';
import { SallyportError } from '../../core/errors.ts';
import { newId, type RequestId } from '../../core/ids.ts';
import type { JsonObject } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import {
  requestActions,
  type AccessRequest,
  type RequestAction,
  type RequestScope,
} from '../../core/request.ts';
import { ticketFaultWords } from '../../core/ticket.ts';
import { parseTarget } from '../../core/target.ts';
import { actor, type Operator } from '../admin/operator.ts';
import { deviceCheckOf, neededBy } from '../approvers/device-check.ts';
import type { AuthorityContext } from '../context.ts';
import { requireText } from '../enroll/names.ts';
import { findDestination, noSuchTarget } from '../sessions/find-destination.ts';
import { canDiscover, lockOn, type Destination } from '../sessions/session-facts.ts';
import { requireTicketId } from '../tickets/require-ticket.ts';
import { approvalsAtMost, approvalsNeeded, possibleApprovers } from './approvals.ts';
import {
  each,
  helpless,
  kindsOf,
  requireFitting,
  whichOf,
  withoutUnmeant,
  type Each,
  type Which,
} from './which.ts';
import { viewRequest } from './request-view.ts';

type Body = z.infer<typeof requestBody>;

const approversNamed = 20;

export async function fileRequest(
  ctx: AuthorityContext,
  caller: Operator,
  body: Body,
): Promise<RequestFiled> {
  const reason = requireText(body.reason, 'reason');
  const { ticket } = body;
  if (ticket !== undefined) requireTicketId(ticket);
  const startAt = requireStart(ctx, body.startAt);
  const destination = await requireTarget(ctx, caller, body);
  await ctx.lookUps.refresh(ctx, ticket, caller.identity);
  if (ticket !== undefined) requireTicket(ctx, ticket, destination);
  await refuseTooMany(ctx, caller);
  const requester = caller.identity;
  const check = await deviceCheckOf(ctx, destination.device);
  const which = whichOf(body);
  const { actions, needed, byPasskey } = scopeOf(ctx, {
    requester,
    destination,
    body,
    which,
    least: neededBy(check),
  });
  const allowed = await possibleApprovers(ctx, { requester, destination });
  // Whom the device does not know has no say there.
  const approvers =
    check?.set === undefined
      ? allowed
      : allowed.filter(({ id }) => check.set?.persons.some((person) => person.id === id));
  if (byPasskey && ctx.broker.console === undefined) throw noPasskeys(body.target);
  if (approvers.length < needed) throw tooFew(body.target, needed, approvers.length);

  const now = ctx.clock.now();
  const id = newId('req', ctx.random.bytes(16));
  const terms = {
    device: destination.device.id,
    ...(destination.service === undefined ? {} : { service: destination.service.id }),
    target: body.target,
    actions,
    ...which,
    forMs: body.forMs,
    startAt,
    usableUntil: startAt + limits.grantWaitMs,
    reason,
    ...(ticket === undefined ? {} : { ticket }),
  };
  const request: AccessRequest = {
    ...terms,
    id,
    tenant: requester.tenant,
    state: 'pending',
    requester: requester.id,
    cnf: caller.spki,
    createdAt: now,
    expiresAt: Math.max(now, startAt) + limits.requestLifeMs,
    needed,
    ...(byPasskey ? { byPasskey } : {}),
    approvals: [],
    content: contentOf(ctx, id, caller, terms),
  };
  await ctx.store.commit({
    changes: [{ put: 'request', value: request, rev: 0 }],
    events: [
      {
        type: 'request.created',
        actor: actor(caller),
        outcome: 'success',
        identity: requester.id,
        device: request.device,
        request: id,
        body: { ...request.content, name: requester.name, needed },
      },
    ],
  });
  return {
    ...(await viewRequest(ctx, caller, request)),
    approvers: approvers.slice(0, approversNamed).map(({ name }) => name),
  };
}

/** What approvers sign the hash of. Names are as they are now. */
function contentOf(
  ctx: AuthorityContext,
  id: RequestId,
  { identity, spki }: Operator,
  terms: Readonly<Record<string, unknown>> & RequestScope,
): JsonObject {
  return {
    ...(terms as JsonObject),
    actions: [...terms.actions],
    ...(terms.commands === undefined ? {} : { commands: terms.commands.map((words) => [...words]) }),
    ...(terms.paths === undefined ? {} : { paths: [...terms.paths] }),
    broker: ctx.broker.name,
    request: id,
    requester: { id: identity.id, name: identity.name, kind: identity.kind },
    cnf: spki,
    uses: 1,
    nonce: Buffer.from(ctx.random.bytes(16)).toString('base64url'),
  };
}

interface Scope {
  readonly actions: readonly RequestAction[];
  readonly needed: number;
  readonly byPasskey: boolean;
}

function scopeOf(
  ctx: AuthorityContext,
  facts: {
    readonly requester: Operator['identity'];
    readonly destination: Destination;
    readonly body: Body;
    readonly which: Which;
    /** Approvals that the device wants, whatever policy says. */
    readonly least: number;
  },
): Scope {
  const { requester, destination, body, which, least } = facts;
  const open = destination.service === undefined ? requestActions : (['forward'] as const);
  const meant = body.actions ?? kindsOf(which) ?? open;
  requireFitting(meant, which);
  const asked = meant.filter((action) => open.some((known) => known === action));
  if (asked.length === 0) {
    throw new SallyportError('invalid', `"${printable(body.target)}" is a service: it is forwarded to`, {
      next: 'leave the kinds away, or ask for the device itself',
    });
  }
  // Without a ticket system none ever counts: nobody is to wait for what would be refused then.
  const ticket = ctx.tickets.sources.size === 0 ? undefined : body.ticket;
  const needFor = ({ action, which: one }: Each): ReturnType<typeof approvalsNeeded> => {
    const facts = { requester, destination, action, ticket, ...(one === undefined ? {} : { which: one }) };
    return approvalsNeeded(ctx, facts);
  };
  const isOpened = (action: RequestAction): boolean =>
    each(action, which).some((item) => needFor(item) !== undefined);
  const needs = (body.actions === undefined ? withoutUnmeant(asked, isOpened) : asked)
    .flatMap((action) => each(action, which))
    .map((item) => {
      const { action, which: one } = item;
      const byPolicy = needFor(item);
      if (byPolicy === undefined && one !== undefined) throw helpless(body.target, action, one);
      const needed = byPolicy === undefined ? undefined : Math.max(byPolicy.count, least);
      return { action, needed, byPasskey: byPolicy?.byPasskey === true };
    });
  const helped = needs.filter(({ needed }) => needed !== undefined && needed > 0);
  if (helped.length === 0 && needs.some(({ needed }) => needed === 0)) {
    throw new SallyportError('conflict', `"${printable(body.target)}" is open to you without an approval`, {
      next: `sallyport ${destination.service === undefined ? 'shell' : 'forward'} ${printable(body.target)}`,
    });
  }
  // What depends on the command or the path is decided when it is used: whoever names it may ask for it.
  const isNamed = body.actions !== undefined || kindsOf(which) !== undefined;
  if (helped.length === 0 && !isNamed) {
    throw new SallyportError('denied', `no approval would open "${printable(body.target)}" to you`, {
      next: 'an administrator can grant it in a policy with @approvers: docs/approvals.md',
    });
  }
  const kept = (isNamed ? needs : helped).map(({ action, needed, byPasskey }) => {
    if (needed !== undefined) return { action, count: needed, byPasskey };
    return { action, ...approvalsAtMost(ctx, { requester, destination, action }) };
  });
  return {
    actions: [...new Set(kept.map(({ action }) => action))],
    needed: Math.max(1, least, ...kept.map(({ count }) => count)),
    byPasskey: kept.some(({ byPasskey }) => byPasskey),
  };
}

async function requireTarget(
  ctx: AuthorityContext,
  caller: Operator,
  { target: text, ticket }: { readonly target: string; readonly ticket?: string | undefined },
): Promise<Destination> {
  const target = parseTarget(text);
  const { destination } = target === undefined ? {} : await findDestination(ctx, target);
  if (destination === undefined || !canDiscover(ctx, caller.identity, destination)) {
    const { code, message, next } = noSuchTarget(text);
    throw new SallyportError(code, message, { next });
  }
  const lock = lockOn(ctx, caller.identity, destination, { ticket, cnf: caller.spki });
  if (lock === undefined) return destination;
  throw new SallyportError('locked', `"${printable(text)}" is locked: ${printable(lock.reason)}`, {
    next: `an administrator can lift the lock: sallyport unlock ${lock.id}`,
  });
}

async function refuseTooMany(ctx: AuthorityContext, { identity }: Operator): Promise<void> {
  const open = await ctx.store.count('request', { identity: identity.id, live: true });
  if (open < limits.requestsPerIdentityMax) return;
  throw new SallyportError('rate_limited', `you already have ${open} open requests`, {
    next: 'take some back: sallyport requests cancel ID',
  });
}

/** Where no ticket system is known, a ticket is a word for people. One that begins later may be asked for. */
function requireTicket(ctx: AuthorityContext, ticket: string, destination: Destination): void {
  const fault = ctx.tickets.sources.size === 0 ? undefined : ctx.tickets.faultOf(ticket, destination);
  if (fault === undefined || fault === 'early') return;
  throw new SallyportError('denied', `the ticket "${ticket}" ${ticketFaultWords[fault]}`, {
    next: `name one that is open and names "${destination.device.name}"; what its system told last: sallyport tickets ls`,
  });
}

function requireStart(ctx: AuthorityContext, text: string | undefined): number {
  const now = ctx.clock.now();
  if (text === undefined) return now;
  const startAt = Date.parse(text);
  if (startAt >= now && startAt <= now + limits.requestAheadMaxMs) return startAt;
  throw new SallyportError(
    'invalid',
    `${printable(text, 40)} is ${startAt < now ? 'over' : 'too far ahead'}`,
    { next: 'give a time within the next 30 days' },
  );
}

function noPasskeys(target: string): SallyportError {
  return new SallyportError(
    'denied',
    `"${printable(target)}" needs approvals by passkeys, and this broker has no console where people have any`,
    { next: 'an administrator sets it up: docs/console.md' },
  );
}

function tooFew(target: string, needed: number, found: number): SallyportError {
  const who = found === 0 ? 'nobody may' : `only ${found} of them may`;
  return new SallyportError(
    'denied',
    `"${printable(target)}" needs ${needed === 1 ? 'an approval' : `${needed} approvals`}, and ${who} give one`,
    {
      next: 'an administrator permits Action::"approve" on it to more people: docs/approvals.md',
    },
  );
}
