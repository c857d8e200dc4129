// Standard Webhooks 1.0, as they come in (tickets) and go out (notices): the secret that both sides know, and what is
// signed with it.

import { createHmac } from 'node:crypto';
import { limits } from '../core/limits.ts';
import { readSecretFile } from './config-file.ts';

/** Of a file of mode 0600; "whsec_" and base64, or the text itself. Undefined: it is missing, or too short. */
export async function readWebhookSecret(file: string): Promise<Buffer | undefined> {
  const text = await readSecretFile(file);
  if (text === undefined || text.length < limits.webhookSecretMinLength) return undefined;
  return text.startsWith('whsec_') ? Buffer.from(text.slice(6), 'base64') : Buffer.from(text, 'utf8');
}

/** HMAC-SHA256 over "id.timestamp.body"; `stamp` in seconds, as it is in its header. */
export function webhookMac(
  secret: Buffer,
  { id, stamp, body }: { readonly id: string; readonly stamp: string; readonly body: Buffer | string },
): Buffer {
  return createHmac('sha256', secret).update(`${id}.${stamp}.`, 'utf8').update(body).digest();
}
