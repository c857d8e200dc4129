// Who is calling from a browser: the cookie of a sign-in, on the console's own host, from the console's own pages.
// Anything else that a browser sends along by itself counts for nothing (OWASP ASVS 5.0, V3.5; Fetch Metadata).

import type { IncomingHttpHeaders } from 'node:http';
import { SallyportError } from '../../core/errors.ts';
import type { AuthorityContext, Caller } from '../context.ts';
import { readCookie, type SignIns } from '../passkeys/sign-ins.ts';
import { nobody } from './attempts.ts';
import { refusalOf, refuse, type Door, type Refusal } from './caller.ts';
import type { Refusals } from './refusals.ts';

export interface BrowserDoor extends Door {
  readonly headers: IncomingHttpHeaders;
  readonly signIns: SignIns;
}

/** Undefined on public routes. Throws SallyportError after the refusal is on the log. */
export async function browserCaller(
  ctx: AuthorityContext,
  refusals: Refusals,
  door: BrowserDoor,
): Promise<Caller | undefined> {
  const { route, headers, signIns, connection } = door;
  const foreign = foreignness(ctx, door);
  if (foreign !== undefined) {
    return await refuse(refusals, door, { refusal: fromElsewhere(foreign), actor: nobody });
  }
  if (route.who === 'public') return undefined;
  const cookie = readCookie(headers.cookie);
  const signIn = cookie === undefined ? undefined : await signIns.find(cookie);
  const identity = signIn && (await ctx.store.get('identity', signIn.identity))?.value;
  if (signIn === undefined || identity === undefined) {
    // A page that was left open asks, too: nothing was tried.
    throw new SallyportError('unauthenticated', 'you are not signed in here, or not any more', {
      next: 'sign in with your passkey',
    });
  }
  const refusal = route.browser === undefined ? notForBrowsers : refusalOf(ctx, door, identity);
  const actor = { kind: 'human', id: identity.id } as const;
  if (refusal !== undefined) return await refuse(refusals, door, { refusal, actor });
  return {
    kind: 'human',
    id: identity.id,
    tenant: identity.tenant,
    identity,
    spki: `sign-in ${signIn.id}`,
    serial: '',
    notAfter: signIn.expiresAt,
    signIn,
    sourceIp: connection.sourceIp,
  };
}

/** Why the request does not come from the console's own pages; undefined where it does (or from no browser). */
function foreignness(ctx: AuthorityContext, { route, headers }: BrowserDoor): string | undefined {
  const { origin } = ctx.broker.console ?? {};
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && !(site === 'none' && route.method === 'GET'))
    return 'site';
  if (route.method === 'GET')
    return headers.origin === undefined || headers.origin === origin ? undefined : 'origin';
  // A program without an Origin has no cookie to be led by; with one it has to say where it comes from.
  if (headers.origin === undefined) return headers.cookie === undefined ? undefined : 'no_origin';
  return headers.origin === origin ? undefined : 'origin';
}

function fromElsewhere(why: string): Refusal {
  return {
    type: 'api.refused',
    code: 'forbidden',
    message: 'this request does not come from the pages of this console',
    next: 'open the console itself, and do it there',
    why,
  };
}

const notForBrowsers: Refusal = {
  type: 'api.refused',
  code: 'forbidden',
  message: 'this is not done in a browser',
  next: 'use the command line: "sallyport help"',
  why: 'not for browsers',
};
