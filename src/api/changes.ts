// Changes that wait for a second administrator.

import { z } from 'zod';
import { changeStates } from '../core/pending-change.ts';
import { named, pageOf, pageQuery, reason, time } from './problem.ts';
import { byId, operators, type Route } from './route.ts';

export const changeView = z.object({
  id: z.string(),
  state: z.enum([...changeStates, 'expired']),
  kind: z.string(),
  /** In words. */
  what: z.string(),
  /** policy: the files as they would be, and the number of the revision that they would follow. */
  policy: z.object({ files: z.record(z.string(), z.string()), follows: z.number().int() }).optional(),
  askedBy: named,
  askedAt: time,
  expiresAt: time,
  decidedBy: named.optional(),
  decidedAt: time.optional(),
  why: z.string().optional(),
  /** Whether the caller's yes would count. */
  mayApprove: z.boolean(),
});
export type ChangeView = z.infer<typeof changeView>;

export const changeRoutes = {
  listChanges: {
    method: 'GET',
    path: '/v1/changes',
    summary: 'Changes that wait for a second administrator, and what became of others',
    who: operators,
    right: 'inspect',
    query: pageQuery,
    response: pageOf(changeView),
  },
  showChange: {
    method: 'GET',
    path: '/v1/changes/:id',
    summary: 'One such change',
    who: operators,
    right: 'inspect',
    params: byId,
    response: changeView,
  },
  approveChange: {
    method: 'POST',
    path: '/v1/changes/:id/approve',
    summary: 'As a second administrator, let a change take effect',
    who: operators,
    right: 'agreeToChanges',
    params: byId,
    response: changeView,
  },
  denyChange: {
    method: 'POST',
    path: '/v1/changes/:id/deny',
    summary: 'Say no to a change, or take the own one back',
    who: operators,
    role: 'any',
    params: byId,
    body: z.strictObject({ reason: reason.optional() }),
    response: changeView,
  },
} as const satisfies Record<string, Route>;
