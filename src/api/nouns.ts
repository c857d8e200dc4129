// Devices, identities, locks: how they are shown and changed.

import { z } from 'zod';
import { holdReasons } from '../core/device.ts';
import { lockableKinds } from '../core/lock.ts';
import { identityKinds, roles } from '../core/identity.ts';
import { labels, name, named, pageQuery, reason, time } from './problem.ts';

export const deviceView = z.object({
  id: z.string(),
  name: z.string(),
  owner: named,
  purpose: z.string(),
  labels,
  online: z.boolean(),
  locked: z.boolean(),
  /** Absent: accepted. */
  hold: z.object({ why: z.enum(holdReasons), since: time }).optional(),
  linkedAt: time.optional(),
  /** Where it is not online: why its newest link ended, in words. */
  offlineBecause: z.string().optional(),
  lastSeenAt: time.optional(),
  agentVersion: z.string().optional(),
  /** It looks at approvals itself, by this version of the approver set; absent: it leaves them to the broker. */
  approvals: z
    .object({ check: z.enum(['verify', 'verify+cli']), version: z.number().int().optional() })
    .optional(),
  certificateNotAfter: time.optional(),
  sessions: z.number().int(),
  createdAt: time,
});
export type DeviceView = z.infer<typeof deviceView>;

/** `where` is "key=value", repeatable: all must match. */
export const deviceQuery = pageQuery.extend({
  where: z.union([z.string(), z.array(z.string()).max(16)]).optional(),
  hold: z.enum(holdReasons).optional(),
  online: z.enum(['true', 'false']).optional(),
});

export const identityView = z.object({
  id: z.string(),
  kind: z.enum(identityKinds),
  name: z.string(),
  /** Absent: of whoever owns the broker. */
  tenant: z.string().optional(),
  roles: z.array(z.enum(roles)),
  locked: z.boolean(),
  credentials: z.number().int(),
  /** Keys that sign in now: the thumbprint of each, and until when its certificate is good. */
  keys: z.array(z.object({ key: z.string(), since: time, until: time })),
  owner: named.optional(),
  purpose: z.string().optional(),
  /** The firm that he, or it, comes from; `owner` is the sponsor. */
  vendor: z.string().optional(),
  /** The provider that made him known here. */
  provider: z.string().optional(),
  /** When he, or it, last signed in; absent: never, as far as is known. */
  lastSeenAt: time.optional(),
  /** What somebody should look at, in words. */
  findings: z.array(z.string()),
  /** machine, ai_agent: what proves what it is. */
  trust: z.enum(['key', 'svid', 'oidc']).optional(),
  createdAt: time,
  expiresAt: time.optional(),
});
export type IdentityView = z.infer<typeof identityView>;

export const identityQuery = pageQuery.extend({
  vendor: z.string().max(60).optional(),
  findings: z.literal('true').optional(),
});

/** What becomes of the devices and services that the removed identity answers for. */
export const offboardingQuery = z.object({
  newOwner: z.string().max(128).optional(),
  lockOwned: z.enum(['true', 'false']).optional(),
});

export const roleBody = z.strictObject({ identity: name, role: z.enum(roles) });

export const killBody = z.strictObject({ identity: name, reason });
export const killed = z.object({ lock: z.string(), cut: z.array(z.string()) });
export type Killed = z.infer<typeof killed>;

export const lockBody = z.strictObject({
  kind: z.enum(lockableKinds),
  /** A name or an id; for a session its id; a key's thumbprint; a role; a firm as `identities add --vendor` has it; a ticket's number. */
  subject: z.string().min(1).max(128),
  reason,
  forMs: z.number().int().positive().optional(),
});
export const lockView = z.object({
  id: z.string(),
  kind: z.enum([...lockableKinds, 'all_sessions']),
  subject: named,
  reason: z.string(),
  createdBy: named,
  createdAt: time,
  expiresAt: time.optional(),
});
export type LockView = z.infer<typeof lockView>;
/** `cut` = the sessions this lock ended. */
export const locked = z.object({ lock: lockView, cut: z.array(z.string()) });
export type Locked = z.infer<typeof locked>;
