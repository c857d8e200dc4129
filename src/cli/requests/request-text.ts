// A request as people read it, on the screen of who asked and of who decides. What an approver is shown comes
// from the very text that he signs the hash of, and from nothing beside it.

import type { RequestView } from '../../api/requests.ts';
import { formatDuration } from '../../core/duration.ts';
import { printable } from '../../core/printable.ts';
import { readRequestContent } from '../../core/request-content.ts';
import { localTime, localTimeAndDistance } from '../moment.ts';
import type { Field, Tone } from '../output.ts';

/** The clocks of two machines differ by more. */
const soonMs = 2_000;

/** Of the signed content. */
export function contentFields(request: RequestView, now: number): readonly Field[] {
  const content = readRequestContent(request.content);
  const { startAt, ticket } = content;
  return [
    ['request', printable(content.request)],
    ['who', `${printable(content.requester)} (${printable(content.kind)})`],
    ['on', printable(content.target)],
    ['what', printable(content.actions.join(', '))],
    ...rows('command', content.commands),
    ...rows('path', content.paths),
    ['for', `${formatDuration(content.forMs)}, once`],
    [
      'from',
      startAt > now + soonMs
        ? localTimeAndDistance(new Date(startAt).toISOString(), now)
        : 'as soon as approved',
    ],
    ['reason', printable(content.reason)],
    ['ticket', ticket === undefined ? undefined : printable(ticket)],
  ];
}

/** One line each: two of them are not to be read as one. */
function rows(title: string, lines: readonly string[] = []): readonly Field[] {
  return lines.map((line) => [title, printable(line, 400)]);
}

/** What has become of it. */
export function stateFields(request: RequestView, now: number): readonly Field[] {
  const { approvals, given, needed, state, deniedBy, denyReason, session, checkedByDevice } = request;
  const by = approvals.map(
    ({ by: { name }, at, how }) => `${printable(name)} by ${how} at ${localTime(at) ?? ''}`,
  );
  return [
    ['state', stateText(request)],
    ['approvals', `${given} of ${needed}${by.length === 0 ? '' : `: ${by.join(', ')}`}`],
    ['the device', checkedByDevice === undefined ? undefined : checkText(checkedByDevice)],
    ['denied by', deniedBy === undefined ? undefined : printable(deniedBy.name)],
    ['because', denyReason === undefined ? undefined : printable(denyReason)],
    ['decide by', state === 'pending' ? localTimeAndDistance(request.expiresAt, now) : undefined],
    ['use by', state === 'approved' ? localTimeAndDistance(request.usableUntil, now) : undefined],
    ['session', session === undefined ? undefined : printable(session)],
  ];
}

function checkText({ check, needed, version, persons }: NonNullable<RequestView['checkedByDevice']>): string {
  const who = persons === undefined ? 'its approver set' : persons.map((name) => printable(name)).join(', ');
  const which = version === undefined ? '' : ` (approver set ${version})`;
  const how = check === 'verify+cli' ? ', each by passkey and by command' : '';
  return `looks itself for ${needed} of ${who}${which}${how}`;
}

export function stateText({ state, given, needed }: RequestView): string {
  if (state !== 'pending') return state;
  return given < needed ? `waits for ${needed - given} of ${needed}` : 'waits for what the device wants';
}

export function stateTone({ state }: RequestView): Tone | undefined {
  if (state === 'approved' || state === 'used') return 'good';
  if (state === 'pending') return 'warn';
  return state === 'denied' || state === 'withdrawn' ? 'bad' : undefined;
}
