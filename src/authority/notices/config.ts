// notifications.yaml: where people are told of what waits for them. Without the file nobody is told outside the
// console and the commands.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { parseHostPort } from '../../core/broker-config.ts';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { readPrivateFile } from '../../platform/files.ts';
import { readYamlFile } from '../../platform/yaml-file.ts';

const mailAddress = z
  .string()
  .max(254)
  .regex(/^[^\s@<>,;"]+@[^\s@<>,;"]+$/, 'write a mail address');

const fileShape = z.strictObject({
  webhooks: z
    .record(
      z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'a name is in lower case'),
      z.strictObject({ url: z.url({ protocol: /^https$/ }), secretFile: z.string().min(1) }),
    )
    .optional(),
  mail: z
    .strictObject({
      /** HOST:PORT. */
      server: z.string().min(1),
      /** starttls: asked for, and nothing is sent without it; implicit: TLS from the first byte. */
      tls: z.enum(['starttls', 'implicit']).optional(),
      from: mailAddress,
      user: z.string().min(1).max(254).optional(),
      passwordFile: z.string().min(1).optional(),
    })
    .optional(),
  /** People's names and their mail addresses. */
  addresses: z.record(z.string(), mailAddress).optional(),
  /** PEM: for servers whose certificates come from an authority of your own. */
  caFile: z.string().min(1).optional(),
});

export interface WebhookPlace {
  readonly url: URL;
  readonly secret: Buffer;
}

export interface MailPlace {
  readonly host: string;
  readonly port: number;
  readonly isImplicit: boolean;
  readonly from: string;
  readonly login?: { readonly user: string; readonly password: string };
}

export interface NoticeConfig {
  readonly webhooks: ReadonlyMap<string, WebhookPlace>;
  readonly mail?: MailPlace;
  /** By the name of the person. */
  readonly addresses: ReadonlyMap<string, string>;
  readonly ca?: string;
}

/** Undefined without the file. Throws SallyportError, in words, on one that cannot be used. */
export async function readNoticeConfig(dataDir: string): Promise<NoticeConfig | undefined> {
  const path = join(dataDir, 'notifications.yaml');
  const read = await readYamlFile(path);
  if (!read.ok && read.fault === 'missing') return undefined;
  if (!read.ok) throw unusable(path, `is not YAML: ${read.message}`);
  const parsed = fileShape.safeParse(read.value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw unusable(path, `"${issue?.path.join('.') ?? ''}": ${issue?.message ?? 'is not valid'}`);
  }
  const { webhooks = {}, mail, addresses = {}, caFile } = parsed.data;
  if (Object.keys(addresses).length > 0 && mail === undefined)
    throw unusable(path, 'has "addresses" and no "mail" to write to them by');
  const places = new Map<string, WebhookPlace>();
  for (const [name, { url, secretFile }] of Object.entries(webhooks)) {
    places.set(name, { url: new URL(url), secret: await secretOf(path, secretFile) });
  }
  return {
    webhooks: places,
    ...(mail === undefined ? {} : { mail: await mailPlace(path, mail) }),
    addresses: new Map(Object.entries(addresses)),
    ...(caFile === undefined ? {} : { ca: await readFile(caFile, 'utf8') }),
  };
}

async function mailPlace(
  path: string,
  { server, tls = 'starttls', from, user, passwordFile }: NonNullable<z.infer<typeof fileShape>['mail']>,
): Promise<MailPlace> {
  const place = parseHostPort(server);
  if (place === undefined) throw unusable(path, '"mail.server" is HOST:PORT, like smtp.example.com:587');
  if ((user === undefined) !== (passwordFile === undefined))
    throw unusable(path, '"mail.user" and "mail.passwordFile" go together');
  if (user === undefined || passwordFile === undefined)
    return { ...place, isImplicit: tls === 'implicit', from };
  const password = (await readPrivateFile(passwordFile))?.toString('utf8').trim();
  if (password === undefined) throw unusable(path, `the password in "${passwordFile}" is missing`);
  return { ...place, isImplicit: tls === 'implicit', from, login: { user, password } };
}

/** Standard Webhooks writes secrets as "whsec_" and base64. */
async function secretOf(path: string, file: string): Promise<Buffer> {
  const text = (await readPrivateFile(file))?.toString('utf8').trim();
  if (text === undefined || text.length < limits.webhookSecretMinLength)
    throw unusable(path, `the secret in "${file}" is missing or too short`);
  return text.startsWith('whsec_') ? Buffer.from(text.slice(6), 'base64') : Buffer.from(text, 'utf8');
}

function unusable(path: string, what: string): SallyportError {
  return new SallyportError('invalid', `"${path}" ${what}`, {
    next: 'docs/notifications.md shows a whole example; correct it, then start again',
  });
}
