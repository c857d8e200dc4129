// sallyport whoami

import { printable } from '../../core/printable.ts';
import { call } from '../api.ts';
import type { CommonOptions } from '../catalogue/spec.ts';
import { localTimeAndDistance } from '../moment.ts';
import { printFields, printJson } from '../output.ts';
import { loadSignIn } from '../profile.ts';

export async function run(options: CommonOptions): Promise<number> {
  const now = Date.now();
  const me = loadSignIn(options, now);
  const who = await call(me, 'GET /v1/whoami', {});
  if (options.json === true) {
    printJson(who);
    return 0;
  }
  printFields([
    ['name', who.name],
    ['kind', who.kind],
    ['roles', who.roles.join(', ') || 'none'],
    ...(who.tenant === undefined ? [] : [['tenant', who.tenant] as const]),
    ['broker', `${who.broker} (${me.broker})`],
    ['id', who.id],
    ['signed in until', localTimeAndDistance(who.certificate.notAfter, now)],
    ...(who.alarms ?? []).map((alarm) => ['alarm', printable(alarm)] as const),
    ['live sessions', who.sessions.map((session) => `${session.id} on ${session.name}`).join(', ') || 'none'],
  ]);
  return 0;
}
