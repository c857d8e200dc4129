// providers.yaml: by which OpenID Connect providers people sign in, and which of their groups have which roles here.

import { join } from 'node:path';
import { z } from 'zod';
import { namePattern } from '../../core/device.ts';
import { defaultTenant } from '../../core/tenant.ts';
import { roles, type Role } from '../../core/identity.ts';
import { readCaFile, readConfigFile, readSecretFile, unusable } from '../config-file.ts';

const claim = z.string().min(1).max(128);

/** A guest has a sponsor and an end, which no group says. */
const houseRole = z.enum(roles).exclude(['vendor', 'owner']);

const providerShape = z.strictObject({
  /** What people read on the button. */
  title: z.string().trim().min(1).max(60),
  /** Whose people come in by it. */
  tenant: z.string().regex(namePattern).default(defaultTenant),
  issuer: z.url({ protocol: /^https$/ }).refine((url) => !/[?#]/.test(url), 'write it as its tokens do'),
  clientId: z.string().min(1).max(256),
  /** A file with the secret, mode 0600; without it the broker is a public client with PKCE. */
  clientSecretFile: z.string().min(1).optional(),
  /** Besides "openid". */
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'is no scope'))
    .max(16)
    .optional(),
  /** The claim that a person's name here is made from. */
  name: claim.optional(),
  /** The claim with a person's groups: a list of texts. */
  groups: claim.optional(),
  /** Whoever is in none of these groups does not come in. */
  roles: z.record(z.string().min(1).max(256), z.array(houseRole).max(roles.length)),
});

const fileShape = z.strictObject({
  providers: z.record(z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'a name is in lower case'), providerShape),
  /** PEM: for providers whose certificates come from an authority of your own. */
  caFile: z.string().min(1).optional(),
});

export interface ProviderConfig {
  readonly name: string;
  readonly title: string;
  readonly tenant: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly scopes: readonly string[];
  readonly nameClaim: string;
  readonly groupsClaim: string;
  readonly roles: ReadonlyMap<string, readonly Role[]>;
}

export interface ProvidersConfig {
  readonly providers: ReadonlyMap<string, ProviderConfig>;
  /** PEM. */
  readonly ca?: string;
}

export const noProviders: ProvidersConfig = { providers: new Map() };

/** Throws SallyportError, in words, on a file that cannot be used. */
export async function readProviders(dataDir: string): Promise<ProvidersConfig> {
  const file = { path: join(dataDir, 'providers.yaml'), shape: fileShape, docs: 'docs/providers.md' };
  const config = await readConfigFile(file);
  if (config === undefined) return noProviders;
  const providers = new Map<string, ProviderConfig>();
  const issuers = new Set<string>();
  for (const [name, given] of Object.entries(config.providers)) {
    const { title, issuer, clientId, clientSecretFile, scopes = ['profile', 'groups'] } = given;
    // By its issuer a person is told apart: two entries for one would be two rules for the same people.
    if (issuers.has(issuer)) throw unusable(file, `has the issuer "${issuer}" twice`);
    issuers.add(issuer);
    const secret = clientSecretFile === undefined ? undefined : await readSecretFile(clientSecretFile);
    if (clientSecretFile !== undefined && secret === undefined) {
      throw unusable(file, `the secret of "${name}" in "${clientSecretFile}" is missing`);
    }
    providers.set(name, {
      name,
      title,
      tenant: given.tenant,
      issuer,
      clientId,
      ...(secret === undefined ? {} : { clientSecret: secret }),
      scopes,
      nameClaim: given.name ?? 'preferred_username',
      groupsClaim: given.groups ?? 'groups',
      roles: new Map(Object.entries(given.roles)),
    });
  }
  const { caFile } = config;
  return { providers, ...(caFile === undefined ? {} : { ca: await readCaFile(file, caFile) }) };
}
