// Brings one notice to where it goes: a webhook signed as Standard Webhooks 1.0 has it, or a mail over TLS that is
// verified. Rejects with words; whoever asked tries again.

import { request } from 'node:https';
import type { Notice } from '../../core/notice.ts';
import { limits } from '../../core/limits.ts';
import { webhookMac } from '../webhook.ts';
import type { MailPlace, NoticeConfig, WebhookPlace } from './config.ts';

export async function deliver(notice: Notice, config: NoticeConfig, now: number): Promise<void> {
  const { to } = notice;
  if (to.kind === 'webhook') {
    const place = config.webhooks.get(to.name);
    if (place === undefined) throw new Error(`notifications.yaml has no webhook "${to.name}" any more`);
    return await post(notice, { place, ca: config.ca, now });
  }
  if (config.mail === undefined) throw new Error('notifications.yaml has no mail server any more');
  await mail(notice, to.address, { place: config.mail, ca: config.ca });
}

interface Posting {
  readonly place: WebhookPlace;
  readonly ca: string | undefined;
  readonly now: number;
}

/** No redirect is followed: where one led is not what was configured. */
function post(notice: Notice, { place, ca, now }: Posting): Promise<void> {
  const { id, type, subject, text, link, createdAt } = notice;
  const data = { subject, text, ...(link === undefined ? {} : { link }) };
  const body = JSON.stringify({ type, timestamp: new Date(createdAt).toISOString(), data });
  const stamp = String(Math.floor(now / 1_000));
  const mac = webhookMac(place.secret, { id, stamp, body }).toString('base64');
  return new Promise((resolve, reject) => {
    const sent = request(place.url, {
      method: 'POST',
      signal: AbortSignal.timeout(limits.noticeTimeoutMs),
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'webhook-id': id,
        'webhook-timestamp': stamp,
        'webhook-signature': `v1,${mac}`,
      },
      ...(ca === undefined ? {} : { ca }),
    });
    sent.on('error', reject);
    sent.on('response', (response) => {
      // What it says does not matter, and may be endless.
      response.destroy();
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300) resolve();
      else reject(new Error(`"${place.url.host}" answered with status ${status}`));
    });
    sent.end(body);
  });
}

async function mail(
  { id, subject, text, link }: Notice,
  to: string,
  { place, ca }: { readonly place: MailPlace; readonly ca: string | undefined },
): Promise<void> {
  const { createTransport } = await import('nodemailer');
  const { host, port, isImplicit, from, login } = place;
  const transport = createTransport({
    host,
    port,
    secure: isImplicit,
    // Nothing is said in the clear, whatever the server offers.
    requireTLS: !isImplicit,
    connectionTimeout: limits.noticeTimeoutMs,
    greetingTimeout: limits.noticeTimeoutMs,
    socketTimeout: limits.noticeTimeoutMs,
    tls: { minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) },
    ...(login === undefined ? {} : { auth: { user: login.user, pass: login.password } }),
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    await transport.sendMail({
      from,
      to,
      subject: `[Sallyport] ${subject}`,
      text: link === undefined ? text : `${text}\n\n${link}`,
      messageId: `<${id}@${from.split('@')[1] ?? 'sallyport'}>`,
      headers: { 'Auto-Submitted': 'auto-generated' },
    });
  } finally {
    transport.close();
  }
}
