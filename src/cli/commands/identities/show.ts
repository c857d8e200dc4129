// sallyport identities show IDENTITY

import type { IdentityView } from '../../../api/nouns.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { printable } from '../../../core/printable.ts';
import { localTime } from '../../moment.ts';
import { printFields, printJson, type Field } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

export async function run(options: CommonOptions & { readonly identity: string }): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const identity = await call(me, 'GET /v1/identities/:id', { params: { id: options.identity } });
  if (options.json === true) printJson(identity);
  else printIdentity(identity);
  return 0;
}

export function printIdentity(identity: IdentityView): void {
  printFields([
    ['name', identity.name],
    ['id', identity.id],
    ['kind', identity.kind],
    ['roles', identity.roles.join(', ') || 'none'],
    ['state', identity.locked ? 'locked' : 'active'],
    ['owner', identity.owner === undefined ? undefined : printable(identity.owner.name)],
    ['purpose', identity.purpose === undefined ? undefined : printable(identity.purpose)],
    ['vendor', identity.vendor === undefined ? undefined : printable(identity.vendor)],
    ['provider', identity.provider === undefined ? undefined : printable(identity.provider)],
    ['credentials', String(identity.credentials)],
    ...identity.keys.map(({ key, since, until }): Field => [
      'key',
      `${key}  since ${localTime(since) ?? ''}, until ${localTime(until) ?? ''}`,
    ]),
    ['last seen', localTime(identity.lastSeenAt) ?? 'never'],
    ['since', localTime(identity.createdAt)],
    ['until', localTime(identity.expiresAt)],
    ['look at', identity.findings.join('; ') || undefined],
  ]);
}
