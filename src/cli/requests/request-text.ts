// A request as people read it, on the screen of who asked and of who decides. What an approver is shown comes
// from the very text that he signs the hash of, and from nothing beside it.

import type { RequestView } from '../../api/requests.ts';
import { formatDuration } from '../../core/duration.ts';
import { parseJsonObject } from '../../core/json.ts';
import { printable } from '../../core/printable.ts';
import { localTime, localTimeAndDistance } from '../moment.ts';
import type { Field, Tone } from '../output.ts';

/** Of the signed content. */
export function contentFields(request: RequestView, now: number): readonly Field[] {
  const content = parseJsonObject(request.content) ?? {};
  const requester = content['requester'];
  const who =
    typeof requester === 'object' && requester !== null ? (requester as Record<string, unknown>) : {};
  const startAt = Number(content['startAt']);
  const actions = Array.isArray(content['actions']) ? content['actions'].map(String) : [];
  return [
    ['request', shown(content['request'])],
    ['who', `${shown(who['name'])} (${shown(who['kind'])})`],
    ['on', shown(content['target'])],
    ['what', printable(actions.join(', '))],
    ['for', `${formatDuration(Number(content['forMs']))}, once`],
    [
      'from',
      startAt > now ? localTimeAndDistance(new Date(startAt).toISOString(), now) : 'as soon as approved',
    ],
    ['reason', shown(content['reason'])],
    ['ticket', content['ticket'] === undefined ? undefined : shown(content['ticket'])],
  ];
}

/** What has become of it. */
export function stateFields(request: RequestView, now: number): readonly Field[] {
  const { approvals, needed, state, deniedBy, denyReason, session } = request;
  const by = approvals.map(({ by: { name }, at }) => `${printable(name)} at ${localTime(at) ?? ''}`);
  return [
    ['state', stateText(request)],
    ['approvals', `${approvals.length} of ${needed}${by.length === 0 ? '' : `: ${by.join(', ')}`}`],
    ['denied by', deniedBy === undefined ? undefined : printable(deniedBy.name)],
    ['because', denyReason === undefined ? undefined : printable(denyReason)],
    ['decide by', state === 'pending' ? localTimeAndDistance(request.expiresAt, now) : undefined],
    ['use by', state === 'approved' ? localTimeAndDistance(request.usableUntil, now) : undefined],
    ['session', session === undefined ? undefined : printable(session)],
  ];
}

export function stateText({ state, approvals, needed }: RequestView): string {
  return state === 'pending' ? `waits for ${needed - approvals.length} of ${needed}` : state;
}

export function stateTone({ state }: RequestView): Tone | undefined {
  if (state === 'approved' || state === 'used') return 'good';
  if (state === 'pending') return 'warn';
  return state === 'denied' || state === 'withdrawn' ? 'bad' : undefined;
}

function shown(value: unknown): string {
  return printable(typeof value === 'string' ? value : JSON.stringify(value ?? ''));
}
