// Approver sets: whose approvals devices accept that look at them themselves (docs/approvals.md).

import { z } from 'zod';
import { approvalChecks } from '../core/approver-set.ts';
import { limits } from '../core/limits.ts';
import { name, named, time } from './problem.ts';
import { approveBody } from './requests.ts';

export const approverSetBody = z.strictObject({
  persons: z.array(name).min(1).max(limits.approverSetPersonsMax),
  threshold: z.number().int().min(1).max(limits.approversMax),
  /** Until it expires, ms. */
  forMs: z.number().int().min(60_000).max(limits.approverSetLongestMs),
});

export const approverSetView = z.object({
  version: z.number().int(),
  persons: z.array(named.extend({ passkeys: z.number().int(), keys: z.number().int() })),
  threshold: z.number().int(),
  expiresAt: time,
  /** The version whose persons sign this one; absent: it is pinned by hand. */
  follows: z.number().int().optional(),
  signatures: z.array(z.object({ by: named, at: time })),
  /** Signatures that it takes; 0: none, it is pinned by hand. */
  needed: z.number().int(),
  /** Devices that follow take it. */
  ready: z.boolean(),
  /** Whether the caller's yes would count, and is missing. */
  maySign: z.boolean(),
  createdBy: named,
  createdAt: time,
  /** Canonical JSON (RFC 8785): what is signed, and what a device pins. */
  content: z.string(),
  /** Base64url; wire/approver-set.ts says of what. */
  digest: z.string(),
});
export type ApproverSetView = z.infer<typeof approverSetView>;

/** The set as a device pins it. */
export const approverSetFile = z.object({
  format: z.literal(1),
  set: z.record(z.string(), z.unknown()),
  signatures: z.array(z.record(z.string(), z.string())),
});

/** The public half is in the statement, which says whose key it is: of purpose `approvers`, digest = own identity's id. */
export const approverKeyBody = z.strictObject({ statement: z.string().min(1).max(4_096) });
export const approverKeys = z.object({ keys: z.array(z.string()) });

export const signSetBody = approveBody;

export const deviceApproversBody = z.strictObject({
  check: z.enum(approvalChecks),
  version: z.number().int().positive().optional(),
});
export const deviceApprovers = z.object({
  sets: z.array(approverSetFile.omit({ format: true })),
});

export const byVersion = z.object({ version: z.coerce.number().int().positive() });
