// Problem objects (RFC 9457) as every route answers them, and the shapes shared by several nouns.

import { z } from 'zod';
import { limits } from '../core/limits.ts';

export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  code: z.string(),
  next: z.string().optional(),
  instance: z.string().optional(),
  help: z.array(z.string()).optional(),
});

/** RFC 3339 UTC. */
export const time = z.string();

/** Somebody or something by id, with the name for people. */
export const named = z.object({ id: z.string(), name: z.string() });

export const name = z.string().min(1).max(limits.nameMaxLength);
export const reason = z.string().min(1).max(limits.reasonMaxLength);
export const labels = z.record(z.string(), z.string());

/** Cursor paging: `next` absent = the last page. */
export const pageQuery = z.object({
  after: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(limits.apiPageMax).optional(),
});
export type PageQuery = z.infer<typeof pageQuery>;

export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), next: z.string().optional() });
}

export const done = z.object({ done: z.literal(true) });
