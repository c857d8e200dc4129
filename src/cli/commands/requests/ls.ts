// sallyport requests ls: those that may still come to something, newest first.

import type { RequestView } from '../../../api/requests.ts';
import { formatDuration } from '../../../core/duration.ts';
import { SallyportError } from '../../../core/errors.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { localTime } from '../../moment.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { stateText, stateTone } from '../../requests/request-text.ts';
import { printTable } from '../../table.ts';

interface Options extends CommonOptions {
  readonly mine?: boolean;
  readonly waiting?: boolean;
  readonly all?: boolean;
}

export async function run(options: Options): Promise<number> {
  if (options.mine === true && options.waiting === true) {
    throw new SallyportError('invalid', 'nobody decides on what he asked for himself', {
      next: 'give one of --mine and --waiting',
    });
  }
  const me = loadSignIn(options, Date.now());
  const of = options.mine === true ? 'mine' : options.waiting === true ? 'waiting' : 'all';
  const requests = await allPages((page) =>
    call(me, 'GET /v1/requests', {
      query: { ...page, of, ...(options.all === true ? {} : { open: 'true' }) },
    }),
  );
  const newest = requests.toSorted((one, other) => (one.createdAt < other.createdAt ? 1 : -1));
  if (options.json === true) printJson(newest);
  else {
    printTable<RequestView>(
      newest,
      [
        { title: 'REQUEST', value: ({ id }) => id },
        { title: 'WHO', value: ({ requester }) => requester.name },
        { title: 'ON', value: ({ target }) => target },
        { title: 'WHAT', value: ({ actions }) => actions.join(', ') },
        { title: 'FOR', value: ({ forMs }) => formatDuration(forMs) },
        { title: 'STATE', value: stateText, tone: stateTone },
        { title: 'TICKET', value: ({ ticket }) => ticket },
        { title: 'REASON', value: ({ reason }) => reason },
        { title: 'SINCE', value: ({ createdAt }) => localTime(createdAt) },
      ],
      { empty: options.all === true ? 'no requests' : 'nothing is open; --all shows what was' },
    );
  }
  return 0;
}
