// tickets.yaml: which ticket systems tell the broker of their tickets, how it knows that it is them, and where in what
// they send it finds what it needs. Places are JSON Pointers (RFC 6901).

import { join } from 'node:path';
import { z } from 'zod';
import type { Json } from '../../core/json.ts';
import { readConfigFile, unusable } from '../config-file.ts';
import { readWebhookSecret } from '../webhook.ts';

const pointer = z.string().regex(/^(?:\/[^/]*)+$/, 'write a JSON Pointer, like "/issue/key"');

const sourceShape = z
  .strictObject({
    /** A file with the secret that both sides know, mode 0600. */
    secretFile: z.string().min(1),
    /** standard: Standard Webhooks 1.0. hub: X-Hub-Signature, as Jira and GitHub send it. */
    signature: z.enum(['standard', 'hub']),
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
  .refine(({ signature, changed }) => signature === 'standard' || changed !== undefined, {
    message: 'its messages carry no signed time, so say where one stands',
    path: ['changed'],
  });

const fileShape = z.strictObject({
  sources: z.record(z.string(), sourceShape),
});

export interface TicketSource extends Omit<z.infer<typeof sourceShape>, 'secretFile'> {
  readonly secret: Buffer;
}

export type TicketSources = ReadonlyMap<string, TicketSource>;

/** Empty without the file. Throws SallyportError, in words, on a file that cannot be used. */
export async function readTicketSources(dataDir: string): Promise<TicketSources> {
  const file = { path: join(dataDir, 'tickets.yaml'), shape: fileShape, docs: 'docs/tickets.md' };
  const config = await readConfigFile(file);
  const sources = new Map<string, TicketSource>();
  for (const [name, { secretFile, ...source }] of Object.entries(config?.sources ?? {})) {
    if (!/^[a-z][a-z0-9-]{0,31}$/.test(name)) throw unusable(file, `"${name}": a name is in lower case`);
    const secret = await readWebhookSecret(secretFile);
    if (secret === undefined)
      throw unusable(file, `the secret of "${name}" in "${secretFile}" is missing or too short`);
    sources.set(name, { ...source, secret });
  }
  return sources;
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
