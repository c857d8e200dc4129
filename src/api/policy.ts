// Policy: check, test, apply, history, explain, who-can.

import { z } from 'zod';
import { actions, houseActions } from '../core/decision.ts';
import { identityKinds } from '../core/identity.ts';
import { named, time } from './problem.ts';

const files = z.record(z.string().max(200), z.string());

export const policyBody = z.strictObject({ files });
export const policyProblem = z.object({
  file: z.string(),
  policy: z.string().optional(),
  line: z.number().int().optional(),
  column: z.number().int().optional(),
  message: z.string(),
  help: z.string().optional(),
});
export const policyChecked = z.object({
  ok: z.boolean(),
  policies: z.array(z.object({ id: z.string(), effect: z.enum(['permit', 'forbid']), file: z.string() })),
  problems: z.array(policyProblem),
  warnings: z.array(policyProblem),
});
export type PolicyChecked = z.infer<typeof policyChecked>;

/** `expect` = the revision number this change was made against: another one in force is a conflict. */
export const applyBody = z.strictObject({
  files,
  comment: z.string().max(1_000).optional(),
  expect: z.number().int().min(0).optional(),
});

export const revisionView = z.object({
  id: z.string(),
  number: z.number().int(),
  hash: z.string(),
  appliedBy: named,
  appliedAt: time,
  comment: z.string().optional(),
  policies: z.number().int(),
});
export type RevisionView = z.infer<typeof revisionView>;
export const revisionFull = revisionView.extend({ files });

export const testBody = z.strictObject({ files: files.optional(), cases: z.string().max(1_048_576) });
export const testResult = z.object({
  passed: z.number().int(),
  failed: z.number().int(),
  rows: z.array(
    z.object({
      name: z.string(),
      ok: z.boolean(),
      expected: z.string(),
      got: z.string(),
      policies: z.array(z.string()),
      why: z.string().optional(),
    }),
  ),
});
export type TestResult = z.infer<typeof testResult>;

export const explainQuery = z.object({
  identity: z.string().max(128),
  /** Absent: the action is one of those with the broker itself. */
  target: z.string().max(128).optional(),
  action: z.enum([...actions, ...houseActions]),
  command: z.string().max(8_192).optional(),
  /** With the approvals that this request has now. */
  request: z.string().max(128).optional(),
});
export const explained = z.object({
  outcome: z.enum(['allow', 'deny']),
  code: z.string().optional(),
  revision: z.string().optional(),
  policies: z.array(z.string()),
  considered: z.array(
    z.object({
      policy: z.string(),
      effect: z.enum(['permit', 'forbid']),
      matched: z.boolean(),
      error: z.string().optional(),
    }),
  ),
  obligations: z
    .object({
      maxSessionMs: z.number(),
      idleMs: z.number(),
      user: z.string().optional(),
      banner: z.string().optional(),
      approvers: z.number().int().optional(),
      approvedBy: z.string().optional(),
      /** How old the own passkey's yes may be; 0: it is for exactly this. */
      mfaMs: z.number().optional(),
    })
    .optional(),
  help: z.array(z.string()),
  /** A standing lock answers no whatever policy says. */
  lock: z.string().optional(),
});
export type Explained = z.infer<typeof explained>;

export const whoCanQuery = z.object({ target: z.string().max(128), action: z.enum(actions).optional() });
export const whoCan = z.object({
  items: z.array(
    z.object({
      identity: named,
      kind: z.enum(identityKinds),
      actions: z.array(z.enum(actions)),
      policies: z.array(z.string()),
      locked: z.boolean(),
    }),
  ),
});
export type WhoCan = z.infer<typeof whoCan>;

export const couldQuery = z.object({ identity: z.string().max(128), target: z.string().max(128) });
export const could = z.object({ actions: z.array(z.enum(actions)), locked: z.boolean() });
