// What may be ordered at the local door (local-door.ts).

import { SallyportError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { checkStore } from './backup/check-store.ts';
import { makeSnapshot } from './backup/snapshot.ts';
import type { AuthorityContext } from './context.ts';
import { createLocalInvite } from './enroll/first-invite.ts';
import type { LocalOrders } from './local-door.ts';

export interface LocalParts {
  /** Of the authority, where a snapshot may lie for a moment. */
  readonly dir: string;
  /** The keys that the context then has are the new ones. */
  readonly rotateIssuing: () => Promise<void>;
}

export function localOrders(ctx: AuthorityContext, { dir, rotateIssuing }: LocalParts): LocalOrders {
  return {
    invite: async ({ name }) => {
      if (typeof name !== 'string') throw new SallyportError('invalid', 'whom to invite is missing');
      return { invite: await createLocalInvite(ctx, { name }) };
    },
    snapshot: async () => await makeSnapshot(ctx, dir),
    rotate: async ({ what }) => {
      if (what !== 'issuing') throw new SallyportError('invalid', 'only the issuing CA can be rotated');
      return await rotateKeys(ctx, rotateIssuing);
    },
    check: async () => await checkStore(ctx.store, { stateEpoch: ctx.broker.stateEpoch }),
  };
}

async function rotateKeys(ctx: AuthorityContext, rotate: () => Promise<void>): Promise<object> {
  const old = ctx.pki.issuingCa.certificate;
  await rotate();
  const { issuingCa, keyset } = ctx.pki;
  const facts = {
    what: 'issuing',
    oldSerial: old.serialNumber.toLowerCase(),
    serial: issuingCa.certificate.serialNumber.toLowerCase(),
    keysetVersion: keyset.version,
    oldAcceptedUntil: new Date(ctx.clock.now() + limits.humanCertificateLifeMs).toISOString(),
  };
  await ctx.store.commit({
    changes: [],
    events: [{ type: 'ca.rotated', actor: { kind: 'system', id: 'local' }, outcome: 'success', body: facts }],
  });
  return facts;
}
