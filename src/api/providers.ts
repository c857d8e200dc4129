// Signing in by an OpenID Connect provider: leaving for it, and coming back.

import { z } from 'zod';

export const byProvider = z.object({ name: z.string().max(32) });

export const providerList = z.object({ items: z.array(z.object({ name: z.string(), title: z.string() })) });

/** Where the browser goes, and what the page keeps until it is back. */
export const left = z.object({ url: z.string(), secret: z.string() });

/** `returned`: the parameters of the address that the browser came back to, each once. */
export const returning = z.strictObject({
  secret: z.string().max(64),
  returned: z
    .record(z.string().max(64), z.string().max(8_192))
    .refine((all) => Object.keys(all).length <= 16, 'there are too many'),
});
export type Returning = z.infer<typeof returning>;

/** As a form (OpenID Connect Back-Channel Logout 1.0, section 2.5). */
export const logoutBody = z.object({ logout_token: z.string() });
