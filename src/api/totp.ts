// Authenticator apps (RFC 6238).

import { z } from 'zod';
import { done } from './problem.ts';
import { operators, type Route } from './route.ts';

const code = z.string().min(1).max(16);

/** `secret` in base 32, and the same as otpauth://, for a QR code. Shown once. */
const totpBegun = z.object({ secret: z.string(), uri: z.string() });
export type TotpBegun = z.infer<typeof totpBegun>;

export const totpRoutes = {
  beginTotp: {
    method: 'POST',
    path: '/v1/totp/begin',
    summary: 'Begin to add an authenticator app, shortly after a new sign-in',
    who: operators,
    role: 'any',
    response: totpBegun,
  },
  confirmTotp: {
    method: 'POST',
    path: '/v1/totp',
    summary: 'Add the authenticator app, by a code that it shows',
    who: operators,
    role: 'any',
    body: z.strictObject({ code }),
    response: done,
  },
  removeTotp: {
    method: 'POST',
    path: '/v1/totp/remove',
    summary: 'Remove the own authenticator app by a code of it, or somebody’s, by an administrator',
    who: operators,
    role: 'any',
    body: z.strictObject({ name: z.string().max(128).optional(), code: code.optional() }),
    response: done,
  },
} as const satisfies Record<string, Route>;
