// Services: what a device offers by name, classified, owned and reviewed.

import { z } from 'zod';
import { limits } from '../core/limits.ts';
import { serviceClasses } from '../core/service.ts';
import { name, named, pageQuery, time } from './problem.ts';

/** Adding a service that is there already reviews it anew, with all that is given here. */
export const serviceBody = z.strictObject({
  device: z.string().min(1).max(128),
  name,
  host: z.string().min(1).max(253),
  port: z.number().int().min(1).max(65_535),
  class: z.enum(serviceClasses),
  owner: name,
  purpose: z.string().max(200).optional(),
  /** From then on it is refused until reviewed again. */
  reviewBy: z.iso.datetime({ offset: true }),
});

export const serviceView = z.object({
  id: z.string(),
  /** "pump-7/db". */
  target: z.string(),
  device: named,
  name: z.string(),
  host: z.string(),
  port: z.number().int(),
  class: z.enum(serviceClasses),
  owner: named,
  purpose: z.string(),
  reviewBy: time,
  reviewed: z.boolean(),
  locked: z.boolean(),
  createdAt: time,
});
export type ServiceView = z.infer<typeof serviceView>;

export const serviceQuery = pageQuery.extend({
  device: z
    .string()
    .max(limits.nameMaxLength + 65)
    .optional(),
});
