// What the broker tells everybody: that it is up, and its root certificate.

import type { z } from 'zod';
import type { trust } from '../../api/enrollments.ts';
import type { AuthorityContext, BrokerFacts } from '../context.ts';

/** Versions of the wire (docs/protocol.md) that this broker speaks. */
const wireVersions = [1];

export function health(ctx: AuthorityContext): { status: 'ok'; broker: string; version: string } {
  return { status: 'ok', broker: ctx.broker.name, version: ctx.broker.version };
}

export function trustFacts(ctx: AuthorityContext): z.input<typeof trust> {
  return {
    broker: ctx.broker.name,
    version: ctx.broker.version,
    trustDomain: ctx.pki.trustDomain,
    env: ctx.pki.env,
    root: ctx.pki.rootPem,
    rootFingerprint: ctx.pki.rootFingerprint,
    wireVersions: [...wireVersions],
    ...(ctx.broker.console === undefined ? {} : { console: ctx.broker.console.origin }),
    ...(ctx.consoleRoot === undefined ? {} : { consoleRoot: ctx.consoleRoot }),
  };
}

/** Every "host:port" of it, the one that people are told first. */
export function addressesOf({ address, also }: BrokerFacts): string[] {
  return [address, ...also];
}
