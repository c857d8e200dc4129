// sallyport sessions ls

import type { SessionView } from '../../../api/sessions.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { countFlag, localTime } from '../../moment.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

interface Options extends CommonOptions {
  readonly all?: boolean;
  readonly identity?: string;
  readonly device?: string;
  readonly vendor?: string;
  readonly limit?: string;
}

export async function run(options: Options): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const { identity, device, vendor } = options;
  const sessions = await allPages(
    (page) =>
      call(me, 'GET /v1/sessions', {
        query: { ...page, identity, device, vendor, ...(options.all === true ? {} : { live: 'true' }) },
      }),
    countFlag('limit', options.limit),
  );
  if (options.json === true) printJson(sessions);
  else {
    printTable<SessionView>(
      sessions,
      [
        { title: 'SESSION', value: (session) => session.id },
        { title: 'WHO', value: (session) => session.identity.name },
        { title: 'TARGET', value: (session) => session.target },
        { title: 'KIND', value: (session) => session.kind },
        {
          title: 'STATE',
          value: (session) =>
            session.endReason === undefined ? session.state : `ended: ${session.endReason}`,
          tone: (session) => (session.live ? 'good' : undefined),
        },
        { title: 'SINCE', value: (session) => localTime(session.createdAt) },
        { title: 'UNTIL', value: (session) => localTime(session.endedAt ?? session.mustEndAt) },
      ],
      { empty: options.all === true ? 'no sessions' : 'no live sessions; --all shows ended ones too' },
    );
  }
  return 0;
}
