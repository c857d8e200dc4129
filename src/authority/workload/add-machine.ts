// Use-case: an administrator makes a machine or an AI agent known: who answers for it, what it is for, until when
// and what proves that it is itself.

import { createPublicKey, X509Certificate } from 'node:crypto';
import type { z } from 'zod';
import type { IdentityView } from '../../api/nouns.ts';
import type { machineBody } from '../../api/workloads.ts';
import { SallyportError } from '../../core/errors.ts';
import type { Identity, WorkloadTrust } from '../../core/identity.ts';
import { newId } from '../../core/ids.ts';
import type { JsonObject } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { keyKind, spkiOf } from '../../platform/keys.ts';
import { findIdentity, requireOwner } from '../admin/find.ts';
import { viewIdentity } from '../admin/identity-view.ts';
import { actor, type Operator } from '../admin/operator.ts';
import { requireRank } from '../admin/rank.ts';
import type { AuthorityContext } from '../context.ts';
import { pemBlocks } from '../pki/key-files.ts';
import { requireHouse } from '../enroll/invite.ts';
import { requireName, requireText } from '../enroll/names.ts';
import { requireVendorRoles } from '../vendors/invite-vendor.ts';

export async function addMachine(
  ctx: AuthorityContext,
  caller: Operator,
  body: z.infer<typeof machineBody>,
): Promise<IdentityView> {
  const name = requireName(body.name);
  const purpose = requireText(body.purpose, 'purpose');
  const now = ctx.clock.now();
  if (body.forMs > limits.machineLifeMaxMs) {
    throw new SallyportError('invalid', 'a machine is known for a year at most', {
      next: 'give a shorter --for, and add it anew in time',
    });
  }
  const { vendor } = body;
  if (vendor === undefined) requireHouse(body.roles ?? []);
  else requireVendorRoles(body.roles ?? []);
  await requireRank(ctx, caller, body.roles ?? []);
  const owner = await requireOwner(ctx, body.owner, vendor === undefined ? 'owner' : 'sponsor');
  if ((await findIdentity(ctx, name)) !== undefined) {
    throw new SallyportError('conflict', `there is an identity "${name}" already`, {
      next: 'choose another name, or remove that one first',
    });
  }
  const trust = readTrust(ctx, body);
  const identity: Identity = {
    id: newId('idn', ctx.random.bytes(16)),
    kind: body.kind,
    name,
    roles: vendor === undefined ? (body.roles ?? []) : ['vendor'],
    ...(vendor === undefined ? {} : { vendor: requireText(vendor, 'vendor') }),
    tenant: caller.identity.tenant,
    owner: owner.id,
    purpose,
    trust,
    invitedBy: caller.identity.id,
    createdAt: now,
    expiresAt: now + body.forMs,
  };
  await ctx.store.commit({
    changes: [{ put: 'identity', value: identity, rev: 0 }],
    events: [
      {
        type: 'identity.created',
        actor: actor(caller),
        outcome: 'success',
        identity: identity.id,
        body: {
          name,
          kind: identity.kind,
          owner: owner.name,
          purpose,
          roles: [...identity.roles],
          ...(vendor === undefined ? {} : { vendor }),
          trust: trustForLog(trust),
          expiresAt: new Date(now + body.forMs).toISOString(),
          by: caller.identity.name,
        },
      },
    ],
  });
  return await viewIdentity(ctx, identity);
}

function trustForLog(trust: WorkloadTrust): JsonObject {
  if (trust.kind === 'oidc') return { ...trust, claims: { ...trust.claims } };
  if (trust.kind === 'key') return { ...trust };
  const { kind, spiffeId, bundle } = trust;
  return { kind, spiffeId, bundle: bundle.map((pem) => new X509Certificate(pem).fingerprint256) };
}

function readTrust(ctx: AuthorityContext, body: z.infer<typeof machineBody>): WorkloadTrust {
  const { key, svid, oidc } = body;
  if ([key, svid, oidc].filter((one) => one !== undefined).length !== 1) {
    throw new SallyportError(
      'invalid',
      'one thing proves what a machine is: a key, an X.509-SVID, or its provider’s token',
      {
        next: 'give --key FILE, --spiffe-id ID and --bundle FILE, or --issuer URL and --claim NAME=VALUE',
      },
    );
  }
  if (key !== undefined) return { kind: 'key', spki: readKey(key) };
  if (svid !== undefined) return readSvid(svid);
  const { issuer = '', audience, claims = {} } = oidc ?? {};
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined;
  if (url?.protocol !== 'https:' || url.search !== '' || url.hash !== '' || url.username !== '') {
    throw new SallyportError('invalid', `"${printable(issuer, 120)}" is not an issuer`, {
      next: 'write it as its tokens do, for example https://token.actions.githubusercontent.com',
    });
  }
  const names = Object.keys(claims);
  // By issuer and audience alone every job of that provider would be this machine.
  if (names.length === 0) {
    throw new SallyportError(
      'invalid',
      'a token of a provider proves nothing without a claim that is pinned',
      {
        next: 'pin what only this job has, for example --claim repository=org/app --claim ref=refs/heads/main',
      },
    );
  }
  const loose = Object.entries(claims).find(([, value]) => value.includes('*') || value === '');
  if (loose !== undefined) {
    throw new SallyportError('invalid', `the claim "${printable(loose[0], 60)}" is not pinned exactly`, {
      next: 'write the whole value: nothing stands for anything here',
    });
  }
  return { kind: 'oidc', issuer, audience: audience ?? ctx.pki.trustDomain, claims };
}

function readSvid({ spiffeId, bundle }: NonNullable<z.infer<typeof machineBody>['svid']>): WorkloadTrust {
  // SPIFFE-ID, section 2: a trust domain, a path of segments, and nothing that stands for anything.
  if (!/^spiffe:\/\/[a-z0-9._-]+(?:\/[A-Za-z0-9._-]+)+$/.test(spiffeId)) {
    throw new SallyportError('invalid', `"${printable(spiffeId, 120)}" is no SPIFFE ID of a workload`, {
      next: 'write it whole, for example spiffe://prod.example.com/ns/build/sa/deploy',
    });
  }
  const certificates = pemBlocks(bundle, 'CERTIFICATE');
  const isBundle =
    certificates.length > 0 &&
    certificates.length <= limits.svidBundleMaxCertificates &&
    certificates.every((pem) => isAuthority(pem));
  if (!isBundle) {
    throw new SallyportError('invalid', 'this is no bundle of a trust domain', {
      next: `give PEM of one to ${limits.svidBundleMaxCertificates} certificates of its authorities`,
    });
  }
  return { kind: 'svid', spiffeId, bundle: certificates };
}

function isAuthority(pem: string): boolean {
  try {
    return new X509Certificate(pem).ca;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

function readKey(pem: string): string {
  try {
    const key = createPublicKey(pem);
    if (keyKind(key) !== undefined) return spkiOf(key).toString('base64url');
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
  throw new SallyportError('invalid', 'this is no public key on P-256 or Ed25519', {
    next: 'make one: openssl genpkey -algorithm ed25519 -out ci.key && openssl pkey -in ci.key -pubout -out ci.pub',
  });
}
