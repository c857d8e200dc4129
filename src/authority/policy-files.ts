// Policy files in the data directory (`policies/*.cedar`): imported as a new revision when they have
// changed since they were last imported, so that what was applied through the api later is not undone by
// a restart.

import { defaultTenant } from '../core/tenant.ts';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SallyportError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import type { PolicyRevision } from '../core/policy-revision.ts';
import { errnoOf, fileFault } from '../platform/file-fault.ts';
import { jsonHash } from '../wire/signed.ts';
import type { AuthorityContext } from './context.ts';
import { eachRecord } from './admin/each-record.ts';
import { checkPolicies } from './policy/check.ts';
import { settingIds } from './settings.ts';

/** Of each tenant but the broker's owner: his may come from files, too. */
export async function loadTenantPolicies(ctx: AuthorityContext): Promise<void> {
  for await (const { value: tenant } of eachRecord(ctx.store, 'tenant')) {
    const newest = (await ctx.store.list('policy', { tenant: tenant.id }, { order: 'newest', limit: 1 }))
      .items[0];
    if (newest !== undefined) ctx.policy.load(newest.value);
  }
}

/** Puts the newest revision in force: the stored one, or the changed files. */
export async function loadPolicies(ctx: AuthorityContext, dir: string): Promise<void> {
  const newest = (await ctx.store.list('policy', { tenant: defaultTenant }, { order: 'newest', limit: 1 }))
    .items[0]?.value;
  const files = await readPolicyFiles(dir);
  const hash = jsonHash(files);
  const imported = (await ctx.store.get('setting', settingIds.policyFiles))?.value.value;
  if (Object.keys(files).length === 0 || hash === imported || hash === newest?.hash) {
    if (newest !== undefined) ctx.policy.load(newest);
    return;
  }
  const checked = checkPolicies(files);
  if (!checked.ok) {
    const [first] = checked.problems;
    throw new SallyportError(
      'policy_invalid',
      `"${join(dir, first?.file ?? '')}" cannot be put in force: ${first?.message ?? 'it is not valid'}`,
      {
        next: 'correct the file, or move it away; the policy that was in force is untouched',
      },
    );
  }
  const revision: PolicyRevision = {
    id: newId('pol', ctx.random.bytes(16)),
    tenant: defaultTenant,
    number: (newest?.number ?? 0) + 1,
    files,
    hash,
    appliedBy: 'system',
    appliedAt: ctx.clock.now(),
    comment: `files in ${dir}`,
  };
  ctx.policy.load(revision);
  await ctx.store.commit({
    changes: [
      { put: 'policy', value: revision, rev: 0 },
      { put: 'setting', value: { id: settingIds.policyFiles, value: hash } },
    ],
    events: [
      {
        type: 'policy.applied',
        actor: { kind: 'system', id: 'authority' },
        outcome: 'success',
        policy: revision.id,
        body: { number: revision.number, hash, from: 'files', files: Object.keys(files) },
      },
    ],
  });
}

async function readPolicyFiles(dir: string): Promise<Readonly<Record<string, string>>> {
  let names: readonly string[];
  try {
    names = await readdir(dir);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return {};
    throw fileFault(error, 'read', dir);
  }
  const files: Record<string, string> = {};
  for (const name of [...names].sort()) {
    if (name.endsWith('.cedar')) files[name] = await readFile(join(dir, name), 'utf8');
  }
  return files;
}
