// sallyport sessions show SESSION

import type { SessionView } from '../../../api/sessions.ts';
import { describeEndReason } from '../../../core/end-reason.ts';
import { formatDuration } from '../../../core/duration.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { localTime, localTimeAndDistance } from '../../moment.ts';
import { printFields, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

export async function run(options: CommonOptions & { readonly session: string }): Promise<number> {
  const now = Date.now();
  const me = loadSignIn(options, now);
  const session = await call(me, 'GET /v1/sessions/:id', { params: { id: options.session } });
  if (options.json === true) printJson(session);
  else printSession(session, now);
  return 0;
}

export function printSession(session: SessionView, now: number): void {
  const reason = session.endReason === undefined ? undefined : describeEndReason(session.endReason);
  const detail = session.endDetail === undefined ? '' : `: ${session.endDetail}`;
  printFields([
    ['session', session.id],
    ['who', `${session.identity.name} (${session.identity.id})`],
    ['acting for', session.behalf?.map(({ name }) => name).join(', then ')],
    ['target', `${session.target} (${session.device.id})`],
    ['kind', session.kind],
    ['user on the device', session.user],
    ['state', session.state],
    ['allowed by', session.policies.join(', ')],
    ['policy revision', session.policy],
    ['asked for', localTime(session.createdAt)],
    ['active since', localTime(session.activeAt)],
    ['must end', session.live ? localTimeAndDistance(session.mustEndAt, now) : localTime(session.mustEndAt)],
    ['ends when idle for', formatDuration(session.idleMs)],
    ['ended', localTime(session.endedAt)],
    ['ended because', reason === undefined ? undefined : `${reason}${detail}`],
    ['teardown on the device', session.teardown],
    ['channels', String(session.channels)],
    ['bytes to the device', String(session.bytesUp)],
    ['bytes from the device', String(session.bytesDown)],
  ]);
}
