// What a device signed with its own key, and delivers by the api.

import { SallyportError } from '../../core/errors.ts';
import { publicKeyOf } from '../../platform/keys.ts';
import type { Fields } from '../../wire/fields.ts';
import { keyId, verifyStatement, type Purpose } from '../../wire/signed.ts';
import type { AuthorityContext, Caller } from '../context.ts';

/** Undefined when the caller's key did not sign it for this purpose. */
export async function openDeviceStatement(
  ctx: Pick<AuthorityContext, 'store'>,
  caller: Caller,
  { purpose, statement }: { readonly purpose: Purpose; readonly statement: string },
): Promise<Fields | undefined> {
  const device = await ctx.store.get('device', caller.id);
  if (device === undefined) throw new SallyportError('not_found', 'there is no such device');
  const key = publicKeyOf(device.value.publicKey);
  const verified = verifyStatement(purpose, statement, (kid) => (kid === keyId(key) ? key : undefined));
  return verified.ok ? verified.payload : undefined;
}
