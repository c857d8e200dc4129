// Maintenance windows.

import { z } from 'zod';
import { limits } from '../core/limits.ts';
import { name, named, time } from './problem.ts';

/** On one device, on those with a label ("site=lyon"), or on all. */
export const windowBody = z.strictObject({
  name,
  device: z.string().min(1).max(128).optional(),
  label: z.string().min(1).max(200).optional(),
  /** iCalendar: DTSTART, and perhaps RRULE and EXDATE (docs/windows.md). */
  rule: z.string().min(1).max(1_000),
  lastsMs: z.number().int().min(60_000).max(limits.windowLongestMs),
});

export const windowView = z.object({
  id: z.string(),
  name: z.string(),
  device: named.optional(),
  label: z.string().optional(),
  rule: z.string(),
  lastsMs: z.number().int(),
  open: z.boolean(),
  endsAt: time.optional(),
  /** Absent while it is open, and where it never opens again. */
  opensAt: time.optional(),
  createdBy: named,
  createdAt: time,
});
export type WindowView = z.infer<typeof windowView>;
