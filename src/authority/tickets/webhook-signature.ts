// Whether a webhook is from whom it says, and when it was sent. Over the bytes as they came: what is parsed and
// written again need not be what was signed (negative test A8).

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { limits } from '../../core/limits.ts';
import { webhookMac } from '../webhook.ts';
import type { TicketSource } from './sources.ts';

export interface Raw {
  readonly body: Buffer;
  readonly headers: IncomingHttpHeaders;
}

export type WebhookFault = 'no_signature' | 'bad_signature' | 'old_timestamp';

export interface VerifiedWebhook {
  /** Of the message: the same once more is the same message. */
  readonly id: string;
  /** Unix ms; absent where the sender signs none. */
  readonly sentAt?: number;
}

export function verifyWebhook(
  { secret, signature }: NonNullable<TicketSource['webhook']>,
  raw: Raw,
  now: number,
): VerifiedWebhook | WebhookFault {
  return signature === 'standard' ? standard(secret, raw, now) : hub(secret, raw);
}

/** Standard Webhooks 1.0: HMAC-SHA256 over "id.timestamp.body", several signatures while a secret changes. */
function standard(secret: Buffer, { body, headers }: Raw, now: number): VerifiedWebhook | WebhookFault {
  const [id, stamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
    one(headers, name),
  );
  if (id === undefined || stamp === undefined || signatures === undefined) return 'no_signature';
  if (id.length > limits.webhookIdMaxLength || !/^[0-9]{1,12}$/.test(stamp)) return 'no_signature';
  const expected = webhookMac(secret, { id, stamp, body });
  const shown = signatures.split(' ').slice(0, limits.webhookSignaturesMax);
  const isSigned = shown.some(
    (text) => text.startsWith('v1,') && isSame(Buffer.from(text.slice(3), 'base64'), expected),
  );
  if (!isSigned) return 'bad_signature';
  const sentAt = Number(stamp) * 1_000;
  return Math.abs(now - sentAt) > limits.webhookSkewMs ? 'old_timestamp' : { id, sentAt };
}

/** WebSub, section 7.1: "sha256=" and HMAC in hex. No time is signed, so the body says when. */
function hub(secret: Buffer, { body, headers }: Raw): VerifiedWebhook | WebhookFault {
  const shown = one(headers, 'x-hub-signature-256') ?? one(headers, 'x-hub-signature');
  if (shown === undefined) return 'no_signature';
  const match = /^sha256=([0-9a-f]{64})$/.exec(shown);
  const expected = createHmac('sha256', secret).update(body).digest();
  if (match?.[1] === undefined || !isSame(Buffer.from(match[1], 'hex'), expected)) return 'bad_signature';
  return { id: createHash('sha256').update(body).digest('base64url') };
}

function isSame(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

function one(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}
