// What an event means to somebody outside: who is told, in which words. A request tells those who may approve it, its
// outcome tells who asked, a change tells those who may agree, break-glass tells everybody.

import type { AuditEvent, EventType } from '../../core/event.ts';
import type { Identity } from '../../core/identity.ts';
import { formatDuration } from '../../core/duration.ts';
import { parseId } from '../../core/ids.ts';
import { printable } from '../../core/printable.ts';
import type { AccessRequest } from '../../core/request.ts';
import { eachRecord } from '../admin/each-record.ts';
import { identityName } from '../admin/names.ts';
import { secondFault } from '../changes/second.ts';
import { changeWords } from '../changes/words.ts';
import type { AuthorityContext } from '../context.ts';
import { factsOf, possibleApprovers } from '../requests/approvals.ts';

export const toldTypes = [
  'request.created',
  'request.approved',
  'request.denied',
  'request.withdrawn',
  'request.expired',
  'change.asked',
  'breakglass.opened',
  'vendor.done',
  'passkey.recovered',
] as const satisfies readonly EventType[];

export interface Told {
  readonly subject: string;
  readonly text: string;
  readonly link?: string;
  /** Webhooks are told of all. */
  readonly people: readonly Identity[] | 'everybody';
}

/** Undefined: it means nothing to anybody outside. */
export async function compose(ctx: AuthorityContext, event: AuditEvent): Promise<Told | undefined> {
  switch (event.type) {
    case 'request.created':
      return await asked(ctx, event);
    case 'request.approved':
      return Number(event.body['approvals']) >= Number(event.body['needed'])
        ? await outcome(ctx, event, 'approved')
        : undefined;
    case 'request.denied':
      return await outcome(ctx, event, 'denied');
    case 'request.withdrawn':
      return await outcome(ctx, event, 'withdrawn');
    case 'request.expired':
      return await outcome(ctx, event, 'over: nobody used it, or nobody decided');
    case 'change.asked':
      return await change(ctx, event);
    case 'breakglass.opened':
      return await broken(ctx, event);
    case 'passkey.recovered':
      return await recovered(ctx, event);
    case 'vendor.done':
      return await workDone(ctx, event);
    default:
      return undefined;
  }
}

async function asked(ctx: AuthorityContext, event: AuditEvent): Promise<Told | undefined> {
  const request = await requestOf(ctx, event);
  const facts = request === undefined ? undefined : await factsOf(ctx, request);
  if (request === undefined || facts === undefined) return undefined;
  const who = printable(facts.requester.name);
  const ticket = request.ticket === undefined ? '' : `, for ${printable(request.ticket)}`;
  return {
    subject: `${who} asks for ${printable(request.target)}`,
    text: [
      `${who} asks for ${request.actions.join(', ')} on ${printable(request.target)}, for ${formatDuration(request.forMs)}${ticket}.`,
      `Reason: ${printable(request.reason, 1_000)}`,
      `It takes ${request.needed} of those who may approve it. On the command line: sallyport approve ${request.id}`,
    ].join('\n'),
    ...link(ctx, `/requests/${request.id}`),
    people: await possibleApprovers(ctx, facts),
  };
}

async function outcome(ctx: AuthorityContext, event: AuditEvent, what: string): Promise<Told | undefined> {
  const request = await requestOf(ctx, event);
  const requester = request === undefined ? undefined : await ctx.store.get('identity', request.requester);
  if (request === undefined || requester === undefined) return undefined;
  // Whoever answers for a machine hears what it would.
  const owner = requester.value.owner;
  const person = owner === undefined ? requester : await ctx.store.get('identity', owner);
  const actor = await actorName(ctx, event);
  const by = actor === undefined ? '' : ` by ${actor}`;
  const why = request.denyReason === undefined ? '' : `\nBecause: ${printable(request.denyReason, 1_000)}`;
  return {
    subject: `Your request for ${printable(request.target)} is ${what}`,
    text: `The request of ${printable(requester.value.name)} for ${printable(request.target)} is ${what}${by}.${why}`,
    ...link(ctx, `/requests/${request.id}`),
    people: person === undefined ? [] : [person.value],
  };
}

async function change(ctx: AuthorityContext, event: AuditEvent): Promise<Told | undefined> {
  const named = event.body['change'];
  const id = typeof named === 'string' ? parseId('chg', named) : undefined;
  const found = id === undefined ? undefined : (await ctx.store.get('change', id))?.value;
  const asker = found === undefined ? undefined : (await ctx.store.get('identity', found.askedBy))?.value;
  if (found === undefined || asker === undefined) return undefined;
  const people: Identity[] = [];
  for await (const { value } of eachRecord(ctx.store, 'identity')) {
    if (secondFault(value, asker) === undefined) people.push(value);
  }
  const what = printable(changeWords(found.order), 300);
  return {
    subject: `${printable(asker.name)} wants to ${what}`,
    text: `${printable(asker.name)} wants to ${what}.\nIt waits for a second administrator: sallyport changes show ${found.id}`,
    people,
  };
}

/** Whoever did not do it himself has to hear of it. */
async function recovered(ctx: AuthorityContext, event: AuditEvent): Promise<Told | undefined> {
  const id = parseId('idn', event.identity ?? '');
  const person = id === undefined ? undefined : (await ctx.store.get('identity', id))?.value;
  if (person === undefined) return undefined;
  return {
    subject: 'A recovery code of yours was used',
    text: `Somebody made a passkey as ${printable(person.name)} by a recovery code at ${event.time}. If that was not you, have an administrator lock you at once: sallyport kill --identity ${person.name}`,
    ...link(ctx, '/passkeys'),
    people: [person],
  };
}

/** Whose guest he was hears of it. */
async function workDone(ctx: AuthorityContext, event: AuditEvent): Promise<Told | undefined> {
  const id = parseId('idn', event.identity ?? '');
  const guest = id === undefined ? undefined : (await ctx.store.get('identity', id))?.value;
  const sponsor = guest?.owner === undefined ? undefined : await ctx.store.get('identity', guest.owner);
  if (guest === undefined || sponsor === undefined) return undefined;
  const who = `${printable(guest.name)} from ${printable(guest.vendor ?? '')}`;
  return {
    subject: `${who} is done`,
    text: `The work of ${who} (${printable(guest.purpose ?? '')}) is done. Nothing of his is open here any more.`,
    people: [sponsor.value],
  };
}

async function broken(ctx: AuthorityContext, event: AuditEvent): Promise<Told> {
  const { name, onSite, target, openedAt } = event.body;
  const isOnSite = onSite === true;
  const who = isOnSite ? said(name) : ((await actorName(ctx, event)) ?? 'somebody');
  const where = isOnSite ? ` on site, at ${said(target)},` : '';
  const when = isOnSite ? said(openedAt) : event.time;
  return {
    subject: `Break-glass was used by ${who}`,
    text: `${who} used break-glass${where} at ${when}. Somebody else reviews it within a day: sallyport breakglass ls`,
    ...link(ctx, '/requests'),
    people: 'everybody',
  };
}

function said(value: unknown): string {
  return typeof value === 'string' ? printable(value) : '';
}

/** Undefined where the broker did it by itself. */
async function actorName(ctx: AuthorityContext, { actor }: AuditEvent): Promise<string | undefined> {
  const id = parseId('idn', actor.id);
  return id === undefined ? undefined : printable(await identityName(ctx, id));
}

async function requestOf(ctx: AuthorityContext, { request }: AuditEvent): Promise<AccessRequest | undefined> {
  return request === undefined ? undefined : (await ctx.store.get('request', request))?.value;
}

function link(ctx: AuthorityContext, path: string): { readonly link?: string } {
  const origin = ctx.broker.console?.origin;
  return origin === undefined ? {} : { link: `${origin}${path}` };
}
