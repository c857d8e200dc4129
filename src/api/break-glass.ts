// Break-glass: which offline keys count, sealed requests, and their review.

import { z } from 'zod';
import { onSiteEnds } from '../core/break-glass.ts';
import { limits } from '../core/limits.ts';
import { done, name, named, pageOf, pageQuery, reason, time } from './problem.ts';
import { byId, devices, operators, type Route } from './route.ts';

export const breakGlassKeys = z.object({
  need: z.number().int(),
  keys: z.array(z.object({ name: z.string(), key: z.string() })),
});
export type BreakGlassKeysView = z.infer<typeof breakGlassKeys>;

export const breakGlassKeysBody = z.strictObject({
  need: z.number().int().min(2).max(limits.breakGlassKeysMax),
  keys: z
    .array(z.strictObject({ name, key: z.string().regex(/^[A-Za-z0-9_-]{43}$/) }))
    .min(2)
    .max(limits.breakGlassKeysMax),
});

export const breakGlassBody = z.strictObject({
  /** Canonical JSON of the sealed request (core/break-glass.ts). */
  content: z.string().min(1).max(limits.sealedFileMaxBytes),
  signatures: z.array(z.string().max(4_096)).max(limits.breakGlassKeysMax),
});

export const breakGlassView = z.object({
  id: z.string(),
  /** By name: the identity's, or as it was signed for on site. */
  who: z.string(),
  identity: named.optional(),
  /** A device let him in itself, and told of it. */
  onSite: z
    .object({
      /** The broker had said yes before. */
      wasAsked: z.boolean(),
      endedAt: time.optional(),
      cause: z.enum(onSiteEnds).optional(),
      /** Of the recording on the device: SHA-256, base64url. */
      recording: z.object({ sha256: z.string(), bytes: z.number().int() }).optional(),
    })
    .optional(),
  target: z.string(),
  reason: z.string(),
  forMs: z.number().int(),
  signers: z.array(z.string()),
  request: z.string().optional(),
  session: z.string().optional(),
  openedAt: time,
  reviewBy: time,
  reviewedAt: time.optional(),
  reviewedBy: named.optional(),
  review: z.string().optional(),
  /** The lock that stands because nobody reviewed it. */
  lock: z.string().optional(),
});
export type BreakGlassView = z.infer<typeof breakGlassView>;

export const breakGlassRoutes = {
  breakGlassKeys: {
    method: 'GET',
    path: '/v1/break-glass/keys',
    summary: 'Offline keys of break-glass',
    who: operators,
    right: 'inspect',
    response: breakGlassKeys,
  },
  setBreakGlassKeys: {
    method: 'POST',
    path: '/v1/break-glass/keys',
    summary: 'Which offline keys open break-glass, and how many of them it takes',
    who: operators,
    right: 'administerBroker',
    isOwners: true,
    body: breakGlassKeysBody,
    response: breakGlassKeys,
  },
  openBreakGlass: {
    method: 'POST',
    path: '/v1/break-glass',
    summary: 'Use a sealed request that enough offline keys signed',
    who: operators,
    role: 'any',
    body: breakGlassBody,
    response: breakGlassView,
  },
  listBreakGlass: {
    method: 'GET',
    path: '/v1/break-glass',
    summary: 'Uses of break-glass: all for administrators and auditors, own ones otherwise',
    who: operators,
    role: 'any',
    browser: 'too',
    query: pageQuery,
    response: pageOf(breakGlassView),
  },
  reviewBreakGlass: {
    method: 'POST',
    path: '/v1/break-glass/:id/review',
    summary: 'Review a use of break-glass',
    who: operators,
    right: 'inspect',
    browser: 'too',
    params: byId,
    body: z.strictObject({ review: reason }),
    response: breakGlassView,
  },
  deviceBreakGlass: {
    method: 'POST',
    path: '/v1/device/break-glass',
    summary: 'Ask whether a sealed request may open this device for somebody who is there',
    who: devices,
    body: breakGlassBody,
    response: done,
  },
  deviceBreakGlassStands: {
    method: 'GET',
    path: '/v1/device/break-glass/:id',
    summary: 'Ask whether a lock came, while a shell is open here by offline keys',
    who: devices,
    params: byId,
    response: z.object({ stands: z.boolean() }),
  },
  deviceBreakGlassReport: {
    method: 'POST',
    path: '/v1/device/break-glass/reports',
    summary: 'Say what offline keys opened on this device, and how it ended',
    who: devices,
    body: z.strictObject({ report: z.string().max(limits.onSiteReportMaxBytes) }),
    response: done,
  },
} as const satisfies Record<string, Route>;
