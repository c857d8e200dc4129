// Sessions: opening one, and what is shown of them.

import { z } from 'zod';
import { servedKinds } from '../core/channel.ts';
import { endReasons } from '../core/end-reason.ts';
import { limits } from '../core/limits.ts';
import { named, pageQuery, reason, time } from './problem.ts';

/** `params` are channel parameters as core/channel.ts parses them; the kind is in them. */
export const openSessionBody = z.strictObject({
  target: z.string().min(1).max(128),
  params: z.record(z.string(), z.unknown()),
  /** Ends sooner than policy would: milliseconds from now. */
  forMs: z.number().int().positive().optional(),
  /** The change or incident that the work belongs to. */
  ticket: z.string().min(1).max(64).optional(),
  /** A passkey's yes to exactly this (step-ups.ts): used up by the session. */
  stepUp: z.string().max(64).optional(),
  /** A code of the caller's authenticator app (RFC 6238): used up by this. */
  totp: z.string().max(16).optional(),
  /** The delegation that the caller acts under. */
  delegation: z.string().max(64).optional(),
});

/** As one opens it; `waitMs` at most for one call: whoever wants to wait longer asks again. */
export const awaitDeviceBody = z.strictObject({
  target: z.string().min(1).max(128),
  params: z.record(z.string(), z.unknown()),
  ticket: z.string().min(1).max(64).optional(),
  delegation: z.string().max(64).optional(),
  waitMs: z.number().int().positive().max(limits.deviceWaitMaxMs),
});

export const sessionView = z.object({
  id: z.string(),
  identity: named,
  device: named,
  target: z.string(),
  kind: z.enum(servedKinds),
  state: z.string(),
  live: z.boolean(),
  policy: z.string(),
  policies: z.array(z.string()),
  user: z.string().optional(),
  ticket: z.string().optional(),
  /** For whom it was opened: the person first. */
  behalf: z.array(named).optional(),
  createdAt: time,
  activeAt: time.optional(),
  mustEndAt: time,
  idleMs: z.number().int(),
  endedAt: time.optional(),
  endReason: z.enum(endReasons).optional(),
  /** For an end by lock: its reason in words, and its id. */
  endDetail: z.string().optional(),
  teardown: z.enum(['pending', 'confirmed', 'unconfirmed']).optional(),
  channels: z.number().int(),
  bytesUp: z.number().int(),
  bytesDown: z.number().int(),
});
export type SessionView = z.infer<typeof sessionView>;

/** `linkNonce` goes into the operator's signed open; `user` must go into the parameters when present. */
export const sessionOpened = z.object({
  session: sessionView,
  linkNonce: z.string(),
  user: z.string().optional(),
  banner: z.string().optional(),
  /** tcp: where a service lies; goes into the parameters of each channel. */
  destination: z.object({ host: z.string(), port: z.number().int() }).optional(),
});
export type SessionOpened = z.infer<typeof sessionOpened>;

export const sessionQuery = pageQuery.extend({
  live: z.enum(['true', 'false']).optional(),
  identity: z.string().max(128).optional(),
  device: z.string().max(128).optional(),
  /** Of whoever comes from this firm. */
  vendor: z.string().max(60).optional(),
});

export const endSessionBody = z.strictObject({ reason: reason.optional() });
