// Machines and AI agents: making one known, and its sign-in.

import { z } from 'zod';
import { roles } from '../core/identity.ts';
import { limits } from '../core/limits.ts';
import { name } from './problem.ts';

export const machineBody = z.strictObject({
  name,
  kind: z.enum(['machine', 'ai_agent']),
  /** Who answers for it; what it is for; how long it is known, ms. */
  owner: name,
  purpose: z.string().min(1).max(200),
  forMs: z.number().int().positive(),
  roles: z.array(z.enum(roles)).optional(),
  /** The firm that it belongs to; its owner is its sponsor. */
  vendor: z.string().min(1).max(60).optional(),
  /** PEM of its public key: it signs its own assertions (RFC 7523). */
  key: z.string().max(2_048).optional(),
  /** Or: it holds an X.509-SVID of exactly this SPIFFE ID, under one of the certificates of this bundle (PEM). */
  svid: z
    .strictObject({ spiffeId: z.string().max(2_048), bundle: z.string().max(limits.svidBundleMaxLength) })
    .optional(),
  /** Or: tokens of this issuer, for this audience (default: the trust domain), with exactly these claims. */
  oidc: z
    .strictObject({
      issuer: z.string().max(512),
      audience: z.string().min(1).max(512).optional(),
      claims: z.record(z.string().max(64), z.string().max(512)),
    })
    .optional(),
});

export const workloadSignInBody = z.strictObject({
  /** Its name; of a tenant that does not own the broker, "tenant/name". */
  identity: z
    .string()
    .min(1)
    .max(2 * limits.nameMaxLength + 1),
  assertion: z.string().min(1).max(limits.assertionMaxLength),
  csr: z.string().min(1).max(8_192),
});

export const workloadSignedIn = z.object({
  id: z.string(),
  kind: z.enum(['human', 'machine', 'ai_agent']),
  name: z.string(),
  /** PEM chain, leaf first, without the root. */
  certificate: z.string(),
  keyset: z.string(),
  broker: z.string(),
  addresses: z.array(z.string()).optional(),
});
export type WorkloadSignedIn = z.infer<typeof workloadSignedIn>;
