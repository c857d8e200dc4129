// What a device signed with its own key, and delivers by the api.

import type { Device } from '../../core/device.ts';
import { SallyportError } from '../../core/errors.ts';
import { publicKeyOf } from '../../platform/keys.ts';
import type { Fields } from '../../wire/fields.ts';
import { keyId, verifyStatement, type Purpose } from '../../wire/signed.ts';
import type { AuthorityContext, Caller } from '../context.ts';

/** The device that calls. */
export async function callingDevice(
  { store }: Pick<AuthorityContext, 'store'>,
  { id }: Caller,
): Promise<Device> {
  const stored = await store.get('device', id);
  if (stored !== undefined) return stored.value;
  throw new SallyportError('not_found', 'there is no such device');
}

/** Undefined when the device's key did not sign it for this purpose. */
export function openDeviceStatement(
  { publicKey }: Device,
  { purpose, statement }: { readonly purpose: Purpose; readonly statement: string },
): Fields | undefined {
  const key = publicKeyOf(publicKey);
  const verified = verifyStatement(purpose, statement, (kid) => (kid === keyId(key) ? key : undefined));
  return verified.ok ? verified.payload : undefined;
}
