// Use-case: an administrator says which offline keys open break-glass, and how many of them it takes. Public halves
// only: the keys themselves were never here.

import type { z } from 'zod';
import type { breakGlassKeysBody, BreakGlassKeysView } from '../../api/break-glass.ts';
import type { BreakGlassKeys } from '../../core/break-glass.ts';
import type { Renewed } from '../../api/enrollments.ts';
import { SallyportError } from '../../core/errors.ts';
import { defaultTenant } from '../../core/tenant.ts';
import { signersAmong, type SealedFile } from '../../wire/break-glass.ts';
import { actor, type Operator } from '../admin/operator.ts';
import type { AuthorityContext } from '../context.ts';
import { isKeyKnown } from '../enroll/credentials.ts';
import { requireName } from '../enroll/names.ts';
import { settingIds } from '../settings.ts';

/** Undefined where none were ever set: break-glass opens nothing. */
export async function readKeys({
  store,
}: Pick<AuthorityContext, 'store'>): Promise<BreakGlassKeys | undefined> {
  const stored = await store.get('setting', settingIds.breakGlassKeys);
  return stored === undefined ? undefined : (JSON.parse(stored.value.value) as BreakGlassKeys);
}

/** Which of them signed it, and why that is too few. */
export async function countSigners(
  ctx: AuthorityContext,
  file: SealedFile,
): Promise<{ readonly signers: readonly string[]; readonly why?: string }> {
  const kept = await readKeys(ctx);
  const signers = kept === undefined ? [] : signersAmong(kept, file);
  if (kept !== undefined && signers.length >= kept.need) return { signers };
  const takes = kept === undefined ? 'none are set here' : `it takes ${kept.need}`;
  return { signers, why: `${signers.length} of the offline keys signed it, and ${takes}` };
}

/** What a device pins. Undefined for those of another tenant: the keys are the owner's. */
export async function keysForDevice(
  ctx: Pick<AuthorityContext, 'store'>,
  tenant: string,
): Promise<Renewed['breakGlass']> {
  if (tenant !== defaultTenant) return undefined;
  const { need, keys } = (await readKeys(ctx)) ?? { need: 0, keys: [] };
  return { need, keys: keys.map(({ name, spki }) => ({ name, spki })) };
}

export async function showKeys(ctx: AuthorityContext): Promise<BreakGlassKeysView> {
  return view(await readKeys(ctx));
}

export async function setKeys(
  ctx: AuthorityContext,
  caller: Operator,
  { need, keys }: z.infer<typeof breakGlassKeysBody>,
): Promise<BreakGlassKeysView> {
  const names = keys.map(({ name }) => requireName(name));
  const isDouble =
    new Set(names).size < keys.length || new Set(keys.map(({ key }) => key)).size < keys.length;
  if (isDouble || need > keys.length) {
    const message = isDouble
      ? 'a name or a key stands there twice'
      : `${need} of ${keys.length} keys never come together`;
    throw new SallyportError('invalid', message, { next: 'name each keeper and his key once' });
  }
  for (const { name, key } of keys) {
    if (!(await isKeyKnown(ctx, key))) continue;
    throw new SallyportError('conflict', `the key of "${name}" is one of a sign-in or a device`, {
      next: 'make one that is kept for this alone: sallyport breakglass key FILE',
    });
  }
  const value: BreakGlassKeys = { need, keys: keys.map(({ name, key }) => ({ name, spki: key })) };
  await ctx.store.commit({
    changes: [{ put: 'setting', value: { id: settingIds.breakGlassKeys, value: JSON.stringify(value) } }],
    events: [
      {
        type: 'breakglass.keys_set',
        actor: actor(caller),
        outcome: 'success',
        body: { need, keys: keys.map((key) => ({ ...key })), by: caller.identity.name },
      },
    ],
  });
  return view(value);
}

function view(kept: BreakGlassKeys | undefined): BreakGlassKeysView {
  return {
    need: kept?.need ?? 0,
    keys: (kept?.keys ?? []).map(({ name, spki }) => ({ name, key: spki })),
  };
}
