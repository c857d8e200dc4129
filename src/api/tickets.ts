// Tickets of other systems: what they send, and what is shown of them.

import { z } from 'zod';
import { time } from './problem.ts';

export const bySource = z.object({ source: z.string().max(32) });

/** Whatever a ticket system sends: tickets.yaml says where in it what stands. */
export const ticketMessage = z.record(z.string(), z.unknown());

export const ticketView = z.object({
  id: z.string(),
  source: z.string(),
  open: z.boolean(),
  /** Its source is configured: otherwise it counts for nothing. */
  live: z.boolean(),
  covers: z.array(z.string()),
  from: time.optional(),
  until: time.optional(),
  changedAt: time,
});
export type TicketView = z.infer<typeof ticketView>;
