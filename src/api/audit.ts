// The audit log: events for people, leaves for verifiers.

import { z } from 'zod';
import { limits } from '../core/limits.ts';

/** An event as core/event.ts has it. `body` is absent once erased. */
export const eventView = z.looseObject({
  seq: z.number().int(),
  id: z.string(),
  time: z.string(),
  /** Absent: of the broker itself, and of its owner. */
  tenant: z.string().optional(),
  type: z.string(),
  actor: z.object({ kind: z.string(), id: z.string() }),
  outcome: z.enum(['success', 'failure', 'denied']),
  code: z.string().optional(),
  body: z.record(z.string(), z.unknown()).optional(),
});
export type EventView = z.infer<typeof eventView>;

/** `afterSeq` pages upward; `last` asks for the newest n. `type`, `identity`, `device`, `session` narrow. */
export const eventQuery = z.object({
  afterSeq: z.coerce.number().int().min(0).optional(),
  last: z.coerce.number().int().min(1).max(limits.auditPageMax).optional(),
  limit: z.coerce.number().int().min(1).max(limits.auditPageMax).optional(),
  type: z.union([z.string(), z.array(z.string()).max(32)]).optional(),
  identity: z.string().max(128).optional(),
  device: z.string().max(128).optional(),
  session: z.string().max(128).optional(),
  from: z.string().max(40).optional(),
  until: z.string().max(40).optional(),
  /** Of every tenant: for whoever owns the broker. */
  allTenants: z.enum(['true', 'false']).optional(),
});
export type EventQuery = z.infer<typeof eventQuery>;
export const eventPage = z.object({ items: z.array(eventView), nextSeq: z.number().int().optional() });

export const leafQuery = z.object({
  fromSeq: z.coerce.number().int().min(1),
  limit: z.coerce.number().int().min(1).max(limits.auditPageMax).optional(),
});
export const leafView = z.object({
  seq: z.number().int(),
  envelope: z.string(),
  salt: z.string().optional(),
  body: z.string().optional(),
  leafHash: z.string(),
  chainHash: z.string(),
});
export type LeafView = z.infer<typeof leafView>;
export const leafPage = z.object({ items: z.array(leafView) });
export const logHead = z.object({ size: z.number().int(), chainHash: z.string() });
export type LogHead = z.infer<typeof logHead>;
