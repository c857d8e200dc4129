// sallyport audit show EVENT

import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { localTime } from '../../moment.ts';
import { jsonText, printFields, printJson, type Field } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

export async function run(options: CommonOptions & { readonly event: string }): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const event = await call(me, 'GET /v1/audit/events/:id', { params: { id: options.event } });
  if (options.json === true) {
    printJson(event);
    return 0;
  }
  const { time, actor, body, ...rest } = event;
  printFields([
    ['time', localTime(time)],
    ['actor', `${actor.kind} ${actor.id}`],
    ...Object.entries(rest).map(asField),
    ...(body === undefined ? ([['body', 'erased']] satisfies Field[]) : Object.entries(body).map(asField)),
  ]);
  return 0;
}

function asField([name, value]: readonly [string, unknown]): Field {
  return [name, typeof value === 'string' ? value : jsonText(value, { isLine: true })];
}
