// Calls of /v1 from the console's own page; the browser sends the cookie of the sign-in by itself.

import { fillPath, splitKey, type Answer, type CallInput, type RouteKey } from '../api/call.ts';

/** What the broker said no with (RFC 9457), or that it could not be asked. */
export class Problem extends Error {
  readonly code: string;
  readonly next: string | undefined;

  constructor(title: string, code: string, next?: string) {
    super(title);
    this.name = 'Problem';
    this.code = code;
    this.next = next;
  }
}

/** Throws Problem. */
export async function call<K extends RouteKey>(key: K, input: CallInput<K>): Promise<Answer<K>> {
  const [method, path] = splitKey(key);
  const answer = await fetch(fillPath(path, input), {
    method,
    credentials: 'same-origin',
    headers: input.body === undefined ? {} : { 'content-type': 'application/json' },
    ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
  }).catch(() => {
    throw new Problem('the broker cannot be reached', 'unavailable', 'check the network, then try again');
  });
  const body = (await answer.json().catch(() => ({}))) as unknown;
  if (answer.ok) return body as Answer<K>;
  const { title, code, next } = body as {
    readonly title?: string;
    readonly code?: string;
    readonly next?: string;
  };
  throw new Problem(title ?? `the broker answered with status ${answer.status}`, code ?? 'unavailable', next);
}
