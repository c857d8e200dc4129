// What may be ordered at the local door (local-door.ts).

import { SallyportError } from '../core/errors.ts';
import { defaultTenant } from '../core/tenant.ts';
import { limits } from '../core/limits.ts';
import { checkStore } from './backup/check-store.ts';
import { makeSnapshot } from './backup/snapshot.ts';
import type { AuthorityContext } from './context.ts';
import { createLocalInvite } from './enroll/first-invite.ts';
import type { LocalOrders } from './local-door.ts';
import { keyFacts } from './pki/inspect-keys.ts';
import { inTenant } from './tenants/in-tenant.ts';
import { rotatable, type Rotatable } from './pki/authority-keys.ts';

export interface LocalParts {
  /** Of the authority, where a snapshot may lie for a moment. */
  readonly dir: string;
  /** The keys that the context then has are the new ones. */
  readonly rotate: (what: Rotatable) => Promise<void>;
}

export function localOrders(ctx: AuthorityContext, { dir, rotate }: LocalParts): LocalOrders {
  return {
    invite: async ({ name }) => {
      if (typeof name !== 'string')
        throw new SallyportError('invalid', 'whom to invite is missing', { next: 'give a name' });
      return { invite: await createLocalInvite(inTenant(ctx, defaultTenant), { name }) };
    },
    snapshot: async () => await makeSnapshot(ctx, dir),
    rotate: async ({ what }) => {
      const known = rotatable.find((one) => one === what);
      if (known === undefined) {
        throw new SallyportError('invalid', 'this is nothing that is rotated', {
          next: `say one of ${rotatable.join(', ')}`,
        });
      }
      return await rotateInLife(ctx, known, rotate);
    },
    check: async () => ({
      ...(await checkStore(ctx.store, { stateEpoch: ctx.broker.stateEpoch })),
      keys: keyFacts(ctx.pki),
    }),
  };
}

/** Gates ask for certificates of the new keys at once: a device may believe no others any more. */
async function rotateInLife(
  ctx: AuthorityContext,
  what: Rotatable,
  rotate: LocalParts['rotate'],
): Promise<object> {
  const old = ctx.pki.issuingCa.certificate;
  await rotate(what);
  ctx.gates.broadcast({ type: 'renewCertificate' });
  const { issuingCa, keyset, rootFingerprint } = ctx.pki;
  const facts = {
    what,
    rootFingerprint,
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
