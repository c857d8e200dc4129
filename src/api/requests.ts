// Access requests: asking, deciding, and what is shown of them.

import { z } from 'zod';
import { limits } from '../core/limits.ts';
import { requestActions, requestStates } from '../core/request.ts';
import { assertion } from './passkeys.ts';
import { named, pageQuery, reason, time } from './problem.ts';

export const requestBody = z.strictObject({
  target: z.string().min(1).max(128),
  /** Absent: everything on it that an approval would open. */
  actions: z.array(z.enum(requestActions)).min(1).max(requestActions.length).optional(),
  /** exec: these lines alone, word by word; no shell then. */
  commands: z
    .array(z.string().min(1).max(limits.commandLineMaxLength))
    .min(1)
    .max(limits.requestCommandsMax)
    .optional(),
  /** upload, download: these paths alone, and what is below them. */
  paths: z.array(z.string().min(1).max(4_096)).min(1).max(limits.filesRootsMax).optional(),
  /** How long the session may last, ms. */
  forMs: z.number().int().positive().max(limits.sessionMaxMs),
  reason,
  ticket: z.string().min(1).max(64).optional(),
  /** RFC 3339; absent: as soon as it is approved. */
  startAt: z.iso.datetime({ offset: true }).optional(),
});

export const requestView = z.object({
  id: z.string(),
  state: z.enum(requestStates),
  requester: named,
  target: z.string(),
  device: z.string(),
  service: z.string().optional(),
  actions: z.array(z.enum(requestActions)),
  commands: z.array(z.array(z.string())).optional(),
  paths: z.array(z.string()).optional(),
  forMs: z.number().int(),
  reason: z.string(),
  ticket: z.string().optional(),
  needed: z.number().int(),
  /** Each of them by a passkey: policy wants it. */
  byPasskey: z.literal(true).optional(),
  /** Persons who said yes. */
  given: z.number().int(),
  approvals: z.array(z.object({ by: named, at: time, how: z.enum(['command', 'passkey']) })),
  /** The device looks at approvals itself: by which set, how many, and whether each person says yes both ways. */
  checkedByDevice: z
    .object({
      check: z.enum(['verify', 'verify+cli']),
      needed: z.number().int(),
      version: z.number().int().optional(),
      persons: z.array(z.string()).optional(),
    })
    .optional(),
  startAt: time,
  createdAt: time,
  /** Undecided until then, it is over. */
  expiresAt: time,
  /** Approved and not used until then, it is over. */
  usableUntil: time,
  decidedAt: time.optional(),
  deniedBy: named.optional(),
  denyReason: z.string().optional(),
  session: z.string().optional(),
  /** Whether the caller's approval would count, and is missing. */
  mayApprove: z.boolean(),
  /** Canonical JSON (RFC 8785): what an approver is shown, and signs the hash of. */
  content: z.string(),
  /** Base64url; wire/approval.ts says of what. */
  digest: z.string(),
});
export type RequestView = z.infer<typeof requestView>;

export const requestFiled = requestView.extend({
  /** Names of those who may approve it, the first of them. */
  approvers: z.array(z.string()),
});
export type RequestFiled = z.infer<typeof requestFiled>;

export const requestQuery = pageQuery.extend({
  /** mine: asked by the caller. waiting: open, and the caller's approval would count. */
  of: z.enum(['mine', 'waiting', 'all']).optional(),
  open: z.enum(['true', 'false']).optional(),
});

/**
 * A statement of purpose `approval`, signed by the key of the caller's sign-in; in a browser his passkey's assertion,
 * whose challenge is `digest`.
 */
export const approveBody = z.union([
  z.strictObject({ statement: z.string().min(1).max(4_096) }),
  z.strictObject({ assertion }),
]);
export type ApproveBody = z.infer<typeof approveBody>;
export const denyBody = z.strictObject({ reason: reason.optional() });
