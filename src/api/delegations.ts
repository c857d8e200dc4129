// Delegations: a person lets a machine or an AI agent act for him.

import { z } from 'zod';
import { limits } from '../core/limits.ts';
import { requestActions } from '../core/request.ts';
import { done, name, named, pageOf, pageQuery, time } from './problem.ts';
import { byId, operators, type Route } from './route.ts';

export const delegationBody = z.strictObject({
  /** Name of the machine or AI agent. */
  actor: name,
  targets: z.array(z.string().min(1).max(128)).min(1).max(limits.delegationTargetsMax),
  actions: z.array(z.enum(requestActions)).min(1).max(requestActions.length),
  forMs: z.number().int().positive().max(limits.delegationLongestMs),
  /** Passed on by who acts under this one, narrower. */
  parent: z.string().max(64).optional(),
});

export const delegationView = z.object({
  id: z.string(),
  actor: named,
  /** For whom: the person first. */
  chain: z.array(named),
  targets: z.array(z.string()),
  actions: z.array(z.enum(requestActions)),
  parent: z.string().optional(),
  createdAt: time,
  expiresAt: time,
  endedAt: time.optional(),
  /** It can be used now. */
  live: z.boolean(),
});
export type DelegationView = z.infer<typeof delegationView>;

export const delegationRoutes = {
  delegate: {
    method: 'POST',
    path: '/v1/delegations',
    summary: 'Let a machine or an AI agent act for the caller, or pass that on, narrower',
    who: operators,
    role: 'any',
    body: delegationBody,
    response: delegationView,
  },
  listDelegations: {
    method: 'GET',
    path: '/v1/delegations',
    summary: 'Delegations by, to and for the caller; all for administrators and auditors',
    who: operators,
    role: 'any',
    browser: 'too',
    query: pageQuery,
    response: pageOf(delegationView),
  },
  endDelegation: {
    method: 'DELETE',
    path: '/v1/delegations/:id',
    summary: 'End a delegation and all that were passed on from it; what was opened under them is cut',
    who: operators,
    role: 'any',
    browser: 'too',
    params: byId,
    response: done,
  },
} as const satisfies Record<string, Route>;
