// tickets.yaml: which ticket systems tell the broker of their tickets, or are asked, how it knows that it is them, and
// where in what they say it finds what it needs. Places are JSON Pointers (RFC 6901).

import { defaultTenant } from '../../core/tenant.ts';
import { join } from 'node:path';
import { z } from 'zod';
import { namePattern } from '../../core/device.ts';
import { parseDuration } from '../../core/duration.ts';
import type { Json } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { readCaFile, readConfigFile, readSecretFile, unusable, type Named } from '../config-file.ts';
import { readWebhookSecret } from '../webhook.ts';

const pointer = z.string().regex(/^(?:\/[^/]*)+$/, 'write a JSON Pointer, like "/issue/key"');

const lookUpShape = z.strictObject({
  /** Where its system answers for one ticket with one JSON object. */
  url: z
    .string()
    .max(1_024)
    .regex(
      /^https:\/\/[^/{}@?#\s]+\/[^{}#\s]*\{ticket\}[^{}#\s]*$/,
      'write https://HOST/…{ticket}…, with {ticket} once, behind the host',
    ),
  /** A file, mode 0600, with the whole value of the header: "Bearer …" or "Basic …". */
  authorizationFile: z.string().min(1).optional(),
  /** How the numbers of its tickets begin: it is asked for no others. */
  tickets: z
    .array(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,31}$/))
    .min(1)
    .max(32),
  /** How often it is asked while a session stands on a ticket of its. */
  every: z.string().optional(),
  /** refuse: while it does not answer, its tickets count for nothing. last: they count as it told last. */
  whenDown: z.enum(['refuse', 'last']).optional(),
});

const sourceShape = z
  .strictObject({
    /** Whose tickets these are. */
    tenant: z.string().regex(namePattern).default(defaultTenant),
    /** It tells: a file with the secret that both sides know, mode 0600. */
    secretFile: z.string().min(1).optional(),
    /** standard: Standard Webhooks 1.0. hub: X-Hub-Signature, as Jira and GitHub send it. */
    signature: z.enum(['standard', 'hub']).optional(),
    /** It is asked. */
    lookUp: lookUpShape.optional(),
    ticket: pointer,
    status: pointer,
    /** Values of `status` in which work on it goes on. */
    open: z.array(z.string()).min(1).max(32),
    /** A name, or a list of names. */
    covers: pointer,
    from: pointer.optional(),
    until: pointer.optional(),
    /** When this state was reached: an older message never undoes a newer one. */
    changed: pointer.optional(),
  })
  .refine(({ signature, changed }) => signature !== 'hub' || changed !== undefined, {
    message: 'its messages carry no signed time, so say where one stands',
    path: ['changed'],
  })
  .refine(({ signature, secretFile }) => (signature === undefined) === (secretFile === undefined), {
    message: 'goes with "secretFile", and "secretFile" with it',
    path: ['signature'],
  })
  .refine(({ signature, lookUp }) => signature !== undefined || lookUp !== undefined, {
    message: 'say how it tells ("signature", "secretFile"), or how it is asked ("lookUp")',
  });

const fileShape = z.strictObject({
  sources: z.record(z.string(), sourceShape),
  /** PEM: for systems that are asked, whose certificates come from an authority of your own. */
  caFile: z.string().min(1).optional(),
});

type Places = Pick<
  z.infer<typeof sourceShape>,
  'tenant' | 'ticket' | 'status' | 'open' | 'covers' | 'from' | 'until' | 'changed'
>;

export interface TicketSource extends Places {
  readonly webhook?: { readonly secret: Buffer; readonly signature: 'standard' | 'hub' };
  readonly lookUp?: LookUp;
}

export interface LookUp {
  /** With {ticket} in it. */
  readonly url: string;
  readonly authorization?: string;
  readonly tickets: readonly string[];
  readonly everyMs: number;
  readonly whenDown: 'refuse' | 'last';
  /** PEM. */
  readonly ca?: string;
}

export type TicketSources = ReadonlyMap<string, TicketSource>;

/** Empty without the file. Throws SallyportError, in words, on a file that cannot be used. */
export async function readTicketSources(dataDir: string): Promise<TicketSources> {
  const file = { path: join(dataDir, 'tickets.yaml'), shape: fileShape, docs: 'docs/tickets.md' };
  const config = await readConfigFile(file);
  const ca = config?.caFile === undefined ? undefined : await readCaFile(file, config.caFile);
  const sources = new Map<string, TicketSource>();
  for (const [name, given] of Object.entries(config?.sources ?? {})) {
    if (!/^[a-z][a-z0-9-]{0,31}$/.test(name)) throw unusable(file, `"${name}": a name is in lower case`);
    const { secretFile, signature, lookUp, ...places } = given;
    const secret = secretFile === undefined ? undefined : await readWebhookSecret(secretFile);
    if (secretFile !== undefined && secret === undefined)
      throw unusable(file, `the secret of "${name}" in "${secretFile}" is missing or too short`);
    sources.set(name, {
      ...places,
      ...(secret === undefined || signature === undefined ? {} : { webhook: { secret, signature } }),
      ...(lookUp === undefined ? {} : { lookUp: await readLookUp(file, name, { lookUp, ca }) }),
    });
  }
  requireApart(file, sources);
  return sources;
}

/** A number that two tenants' systems are asked for would be whose? */
function requireApart(file: Named, sources: TicketSources): void {
  const starts = [...sources].flatMap(([name, { tenant, lookUp }]) =>
    (lookUp?.tickets ?? []).map((start) => ({ name, tenant, start })),
  );
  for (const one of starts) {
    const other = starts.find(({ tenant, start }) => tenant !== one.tenant && start.startsWith(one.start));
    if (other !== undefined)
      throw unusable(
        file,
        `"${one.name}" and "${other.name}" are of different tenants, and tickets of both begin with "${other.start}"`,
      );
  }
}

async function readLookUp(
  file: Named,
  name: string,
  { lookUp, ca }: { readonly lookUp: z.infer<typeof lookUpShape>; readonly ca: string | undefined },
): Promise<LookUp> {
  const { url, authorizationFile, tickets, every = '30s', whenDown = 'refuse' } = lookUp;
  const everyMs = parseDuration(every);
  if (everyMs === undefined || everyMs < limits.lookUpLeastMs || everyMs > limits.lookUpStaleMs / 2)
    throw unusable(file, `"sources.${name}.lookUp.every": from 10s to 5m`);
  const authorization = authorizationFile === undefined ? undefined : await readSecretFile(authorizationFile);
  if (authorizationFile !== undefined && !/^[\x21-\x7e]+(?: [\x21-\x7e]+)?$/.test(authorization ?? ''))
    throw unusable(file, `"${authorizationFile}" of "${name}" holds no value of a header, like "Bearer …"`);
  return {
    url,
    tickets,
    everyMs,
    whenDown,
    ...(authorization === undefined ? {} : { authorization }),
    ...(ca === undefined ? {} : { ca }),
  };
}

/** RFC 6901; undefined where there is nothing. */
export function at(document: Json, path: string | undefined): Json | undefined {
  if (path === undefined) return undefined;
  let found: Json | undefined = document;
  for (const part of path.slice(1).split('/')) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined;
    if (Array.isArray(found) && !/^[0-9]+$/.test(key)) return undefined;
    found = (found as Readonly<Record<string, Json>>)[key];
  }
  return found;
}
