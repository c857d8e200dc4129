// What people are to be told outside, and was not delivered yet.

import { z } from 'zod';
import { pageOf, pageQuery, time } from './problem.ts';
import { operators, type Route } from './route.ts';

export const noticeView = z.object({
  id: z.string(),
  type: z.string(),
  /** A mail address, or "webhook NAME". */
  to: z.string(),
  subject: z.string(),
  createdAt: time,
  attempts: z.number().int(),
  nextAt: time,
  lastError: z.string().optional(),
});
export type NoticeView = z.infer<typeof noticeView>;

export const noticeRoutes = {
  listNotices: {
    method: 'GET',
    path: '/v1/notices',
    summary: 'Notices that were not delivered yet, and why',
    who: operators,
    right: 'inspect',
    query: pageQuery,
    response: pageOf(noticeView),
  },
} as const satisfies Record<string, Route>;
