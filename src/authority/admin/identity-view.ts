// An identity as the api shows it.

import type { IdentityView } from '../../api/nouns.ts';
import { formatDuration } from '../../core/duration.ts';
import { limits } from '../../core/limits.ts';
import { asSubject } from '../../core/lock.ts';
import type { Credential, Identity } from '../../core/identity.ts';
import type { IdentityId } from '../../core/ids.ts';
import type { AuthorityContext } from '../context.ts';
import { credentialsOf } from '../enroll/credentials.ts';
import { barredBy } from './barred.ts';
import { removedName } from './names.ts';
import { defaultTenant } from '../../core/tenant.ts';
import { iso } from './time-text.ts';

/** What an administrator should look at. */
function findingsOf(
  ctx: AuthorityContext,
  identity: Identity,
  {
    lastSeenAt,
    answers,
  }: { readonly lastSeenAt: number | undefined; readonly answers: Identity | undefined },
): string[] {
  const now = ctx.clock.now();
  const { expiresAt, owner, trust, createdAt } = identity;
  const findings: string[] = [];
  if (expiresAt !== undefined && expiresAt <= now) findings.push('expired');
  else if (expiresAt !== undefined && expiresAt - now < limits.nearExpiryMs)
    findings.push(`ends in ${formatDuration(roughly(expiresAt - now))}`);
  const idleMs = now - (lastSeenAt ?? createdAt);
  if (idleMs > limits.unusedMs) findings.push(`unused for ${formatDuration(roughly(idleMs))}`);
  if (identity.kind !== 'human' && owner === undefined) findings.push('nobody answers for it');
  if (owner !== undefined && answers === undefined) findings.push('who answers for it is gone');
  if (answers !== undefined && barredBy(ctx, answers) !== undefined)
    findings.push('who answers for it is locked');
  // The key of a machine is as old as it is here: another one is another machine.
  if (trust?.kind === 'key' && now - createdAt > limits.machineKeyOldMs)
    findings.push(`its key is ${formatDuration(roughly(now - createdAt))} old`);
  return findings;
}

const hourMs = 3_600_000;

/** Whole days, or hours below one. */
function roughly(ms: number): number {
  const unit = ms >= 24 * hourMs ? 24 * hourMs : hourMs;
  return Math.max(unit, Math.round(ms / unit) * unit);
}

/** The newest certificate, browser or passkey that he used. */
async function lastSeen(
  ctx: AuthorityContext,
  identity: IdentityId,
  certificates: readonly Credential[],
): Promise<number | undefined> {
  const newest = { order: 'newest', limit: limits.passkeysPerIdentityMax } as const;
  const browsers = await ctx.store.list('signin', { identity }, newest);
  const passkeys = await ctx.store.list('passkey', { identity }, newest);
  const times = [
    ...certificates.map(({ notBefore }) => notBefore),
    ...browsers.items.map(({ value }) => value.createdAt),
    ...passkeys.items.map(({ value }) => value.lastUsedAt ?? value.createdAt),
  ];
  return times.length === 0 ? undefined : Math.max(...times);
}

/** A key has a certificate after the other; the newest counts. */
function keysOf(usable: readonly Credential[]): IdentityView['keys'] {
  const newest = new Map<string, Credential>();
  for (const one of usable) {
    const known = newest.get(one.spki);
    if (known === undefined || known.notAfter < one.notAfter) newest.set(one.spki, one);
  }
  return [...newest].map(([key, { since, notBefore, notAfter }]) => ({
    key,
    since: iso(since ?? notBefore),
    until: iso(notAfter),
  }));
}

export async function viewIdentity(ctx: AuthorityContext, identity: Identity): Promise<IdentityView> {
  const now = ctx.clock.now();
  const { id, owner } = identity;
  const certificates = await credentialsOf(ctx, { holder: id });
  const usable = certificates.filter(({ revokedAt, notAfter }) => revokedAt === undefined && notAfter >= now);
  const seenAt = await lastSeen(ctx, id, certificates);
  const answers = owner === undefined ? undefined : (await ctx.store.get('identity', owner))?.value;
  return {
    id: identity.id,
    kind: identity.kind,
    name: identity.name,
    ...(identity.tenant === defaultTenant ? {} : { tenant: identity.tenant }),
    roles: [...identity.roles],
    locked: ctx.locks.find(asSubject(identity)) !== undefined,
    credentials: usable.length,
    keys: keysOf(usable),
    findings: findingsOf(ctx, identity, { lastSeenAt: seenAt, answers }),
    ...(seenAt === undefined ? {} : { lastSeenAt: iso(seenAt) }),
    ...(identity.vendor === undefined ? {} : { vendor: identity.vendor }),
    ...(identity.provider === undefined ? {} : { provider: identity.provider.issuer }),
    ...(owner === undefined ? {} : { owner: { id: owner, name: answers?.name ?? removedName } }),
    ...(identity.purpose === undefined ? {} : { purpose: identity.purpose }),
    ...(identity.trust === undefined ? {} : { trust: identity.trust.kind }),
    createdAt: iso(identity.createdAt),
    ...(identity.expiresAt === undefined ? {} : { expiresAt: iso(identity.expiresAt) }),
  };
}
