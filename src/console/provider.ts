// Leaving for a provider and coming back. What has to be there again stands in this tab's own storage: another tab, or a
// link that somebody else made, has none of it.

import { call } from './api.ts';

const key = 'sallyport-left';

interface Left {
  readonly secret: string;
  /** Of the command to let in; absent: to sign in. */
  readonly code?: string;
}

/** The page goes. */
export async function leaveToSignIn(name: string): Promise<void> {
  const { url, secret } = await call('POST /v1/providers/:name/begin', { params: { name } });
  leave(url, { secret });
}

export async function leaveForCode(code: string): Promise<void> {
  const { url, secret } = await call('POST /v1/sign-in/codes/:code/provider', { params: { code } });
  leave(url, { secret, code });
}

/** Good once. Undefined: this tab did not leave. */
export function takeLeft(): Left | undefined {
  const text = sessionStorage.getItem(key);
  sessionStorage.removeItem(key);
  // Nobody but this file writes there.
  return text === null ? undefined : (JSON.parse(text) as Left);
}

function leave(url: string, left: Left): void {
  // Nothing but a page of the web: what a provider says of itself is not trusted with more.
  if (new URL(url).protocol !== 'https:') throw new Error('the provider is not at https');
  sessionStorage.setItem(key, JSON.stringify(left));
  location.assign(url);
}
