// Guests from vendors, when their work is done.

import { z } from 'zod';
import { done } from './problem.ts';
import { operators, type Route } from './route.ts';

export const vendorRoutes = {
  workDone: {
    method: 'POST',
    path: '/v1/vendors/done',
    summary: 'The work of somebody from a vendor is done: all that he has ends',
    who: operators,
    role: 'any',
    browser: 'too',
    body: z.strictObject({ name: z.string().max(128).optional() }),
    response: done,
  },
} as const satisfies Record<string, Route>;
