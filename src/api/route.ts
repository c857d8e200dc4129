// What a route of /v1 is. `who`: public = no client certificate; otherwise the SPIFFE kinds that may come in.
// Who has an identity needs besides: `right`, what policy has to let him do with the broker itself; or `role: 'any'`,
// signed in is enough (the use-case narrows further).

import { z } from 'zod';
import type { HouseAction } from '../core/decision.ts';
import type { PeerKind } from '../core/identity.ts';

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly summary: string;
  readonly who: 'public' | readonly PeerKind[];
  readonly role?: 'any';
  readonly right?: HouseAction;
  /** For those of the tenant that owns the broker. */
  readonly isOwners?: true;
  /** Who signed in by a passkey may call it, too, or nobody else. */
  readonly browser?: 'too' | 'only';
  /** It answers late on purpose: the caller hears so at once (status 102), and a stop does not wait for it. */
  readonly isSlow?: true;
  /** Its handler sees the bytes of the body: a signature is over them. */
  readonly isRaw?: true;
  /** Its body is a form (application/x-www-form-urlencoded). */
  readonly isForm?: true;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly response: z.ZodType;
}

export const operators = ['human', 'machine', 'ai_agent'] as const satisfies readonly PeerKind[];
export const devices = ['device'] as const satisfies readonly PeerKind[];
export const byId = z.object({ id: z.string().max(128) });
