// Joining and signing in: one-time tokens, certificates, renewal.

import { z } from 'zod';
import { houseActions } from '../core/decision.ts';
import { holdReasons } from '../core/device.ts';
import { roles } from '../core/identity.ts';
import { limits } from '../core/limits.ts';
import { labels, name, named, time } from './problem.ts';

const csr = z.string().min(1).max(8_192);

export const trust = z.object({
  broker: z.string(),
  version: z.string(),
  trustDomain: z.string(),
  env: z.string(),
  /** PEM. Proves nothing by itself: compare with the fingerprint inside the token. */
  root: z.string(),
  rootFingerprint: z.string(),
  wireVersions: z.array(z.number().int()),
  /** Where browsers find it; absent: nowhere. */
  console: z.string().optional(),
  /** PEM of the root that browsers have to trust for it; it can sign for no other name. */
  consoleRoot: z.string().optional(),
});

const pinnedKeys = z.object({
  need: z.number().int(),
  keys: z.array(z.object({ name: z.string(), spki: z.string() })),
});

export const redeemBody = z.strictObject({ token: z.string().max(512), csr });

/** `certificate` is a PEM chain, leaf first, without the root. */
export const redeemed = z.object({
  kind: z.enum(['device', 'human']),
  id: z.string(),
  name: z.string(),
  roles: z.array(z.enum(roles)).optional(),
  certificate: z.string(),
  root: z.string(),
  keyset: z.string(),
  broker: z.string(),
  /** Every "host:port" of it, the first one first. */
  addresses: z.array(z.string()).optional(),
  trustDomain: z.string(),
  env: z.string(),
  stateEpoch: z.number().int(),
  /** device: the first renewal number and secret (design section 4). */
  renewal: z.object({ n: z.number().int(), secret: z.string() }).optional(),
  /** device: it has joined, and waits until a person accepts it. */
  hold: z.enum(holdReasons).optional(),
  /** device: the offline keys that open it on site. */
  breakGlass: pinnedKeys.optional(),
});
export type Redeemed = z.infer<typeof redeemed>;

/** `request` is a statement of purpose `renewal`, signed by the device key: {device, n, secret, nextSecretHash, csr, proof?}. */
export const renewBody = z.strictObject({ request: z.string().max(32_768) });
/** `proof` is a statement of purpose `renewed`: the device shows its newest one with its next request. */
export const renewed = z.object({
  n: z.number().int(),
  certificate: z.string(),
  keyset: z.string(),
  proof: z.string(),
  breakGlass: pinnedKeys.optional(),
});
export type Renewed = z.infer<typeof renewed>;

export const signInRenewBody = z.strictObject({ csr });
/** `keyset` shows which root is to be pinned from now on. */
export const signInRenewed = z.object({
  certificate: z.string(),
  keyset: z.string().optional(),
  addresses: z.array(z.string()).optional(),
});

export const receiptBody = z.strictObject({ receipt: z.string().max(8_192) });

/** With `count`, `name` is a pattern with one {n}. `accept`: who needs no person to accept him. */
export const inviteDeviceBody = z.strictObject({
  name,
  count: z.number().int().min(1).max(limits.fleetCountMax).optional(),
  accept: z.union([z.literal('all'), z.array(z.string().max(64)).min(1).max(32)]).optional(),
  owner: name.optional(),
  purpose: z.string().max(200).optional(),
  labels: labels.optional(),
  forMs: z.number().int().positive().optional(),
});
export const invitePersonBody = z.strictObject({
  name,
  roles: z.array(z.enum(roles)).optional(),
  forMs: z.number().int().positive().optional(),
  /** He comes from a firm: whose guest he is, what for, and how long he is known from now, ms. */
  vendor: z
    .strictObject({
      firm: z.string().min(1).max(60),
      sponsor: name,
      purpose: z.string().min(1).max(200),
      forMs: z.number().int().positive(),
    })
    .optional(),
});

/** The token is shown once and stored hashed. */
export const invited = z.object({
  id: z.string(),
  name: z.string(),
  token: z.string(),
  /** person: the same in a browser; the token stands behind the "#", which no server sees. */
  link: z.string().optional(),
  expiresAt: time,
});
export type Invited = z.infer<typeof invited>;

/** `now`: the old key is dead at once, and not only when the new one is there. */
export const replaceDeviceBody = z.strictObject({
  now: z.boolean().optional(),
  forMs: z.number().int().positive().optional(),
});

export const enrollmentView = z.object({
  id: z.string(),
  kind: z.enum(['device', 'human']),
  name: z.string(),
  /** Of how many uses how many are left. */
  count: z.number().int(),
  left: z.number().int(),
  accept: z.union([z.literal('all'), z.array(z.string())]).optional(),
  labels: labels.optional(),
  replaces: named.optional(),
  createdBy: named,
  createdAt: time,
  expiresAt: time,
});
export type EnrollmentView = z.infer<typeof enrollmentView>;

export const whoami = z.object({
  id: z.string(),
  kind: z.string(),
  name: z.string(),
  roles: z.array(z.enum(roles)),
  /** What policy lets him do with the broker itself. */
  rights: z.array(z.enum(houseActions)),
  /** Absent: the broker is his. */
  tenant: z.string().optional(),
  broker: z.string(),
  certificate: z.object({ serial: z.string(), notAfter: time }),
  sessions: z.array(named),
  /** The firm that he comes from: a guest, whose work is done some day. */
  vendor: z.string().optional(),
  /** The provider that let this browser in, as people read it. */
  provider: z.string().optional(),
  /** What everybody is to know: in words. */
  alarms: z.array(z.string()).optional(),
  /** Thumbprints of the keys that he approves with on devices. */
  approverKeys: z.array(z.string()).optional(),
});
export type Whoami = z.infer<typeof whoami>;
