// All that lets somebody in again: certificates, passkeys, browsers, recovery codes, an authenticator app. Whoever is to
// be nobody here loses every one of them in one commit.

import type { IdentityId } from '../../core/ids.ts';
import type { AuthorityContext } from '../context.ts';
import { heldBy } from '../passkeys/own-passkeys.ts';
import { withoutCodes } from '../passkeys/recovery-codes.ts';
import { endedSignIns } from '../passkeys/sign-ins.ts';
import type { Change } from '../store/store.ts';
import { revokeCredentials } from './credentials.ts';

export interface EndedWaysIn {
  readonly changes: readonly Change[];
  /** How many there were. */
  readonly credentials: number;
  readonly passkeys: number;
}

export async function endedWaysIn(ctx: AuthorityContext, id: IdentityId): Promise<EndedWaysIn> {
  const revoked = await revokeCredentials(ctx, { holder: id });
  const passkeys = await heldBy(ctx, id);
  return {
    changes: [
      ...revoked,
      ...passkeys.map((passkey) => ({ delete: 'passkey', id: passkey.id }) as const),
      ...(await endedSignIns(ctx, id)),
      ...(await withoutCodes(ctx, id)),
      { delete: 'totp', id },
    ],
    credentials: revoked.length,
    passkeys: passkeys.length,
  };
}
