// notifications.yaml: where people are told of what waits for them. Without the file nobody is told outside the
// console and the commands.

import { join } from 'node:path';
import { z } from 'zod';
import { parseHostPort } from '../../core/broker-config.ts';
import { readCaFile, readConfigFile, readSecretFile, unusable, type Named } from '../config-file.ts';
import { readWebhookSecret } from '../webhook.ts';

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
  const file = {
    path: join(dataDir, 'notifications.yaml'),
    shape: fileShape,
    docs: 'docs/notifications.md',
  };
  const config = await readConfigFile(file);
  if (config === undefined) return undefined;
  const { webhooks = {}, mail, addresses = {}, caFile } = config;
  if (Object.keys(addresses).length > 0 && mail === undefined)
    throw unusable(file, 'has "addresses" and no "mail" to write to them by');
  const places = new Map<string, WebhookPlace>();
  for (const [name, { url, secretFile }] of Object.entries(webhooks)) {
    const secret = await readWebhookSecret(secretFile);
    if (secret === undefined)
      throw unusable(file, `the secret of "${name}" in "${secretFile}" is missing or too short`);
    places.set(name, { url: new URL(url), secret });
  }
  return {
    webhooks: places,
    ...(mail === undefined ? {} : { mail: await mailPlace(file, mail) }),
    addresses: new Map(Object.entries(addresses)),
    ...(caFile === undefined ? {} : { ca: await readCaFile(file, caFile) }),
  };
}

async function mailPlace(
  file: Named,
  { server, tls = 'starttls', from, user, passwordFile }: NonNullable<z.infer<typeof fileShape>['mail']>,
): Promise<MailPlace> {
  const place = parseHostPort(server);
  if (place === undefined) throw unusable(file, '"mail.server" is HOST:PORT, like smtp.example.com:587');
  if ((user === undefined) !== (passwordFile === undefined))
    throw unusable(file, '"mail.user" and "mail.passwordFile" go together');
  if (user === undefined || passwordFile === undefined)
    return { ...place, isImplicit: tls === 'implicit', from };
  const password = await readSecretFile(passwordFile);
  if (password === undefined) throw unusable(file, `the password in "${passwordFile}" is missing`);
  return { ...place, isImplicit: tls === 'implicit', from, login: { user, password } };
}
