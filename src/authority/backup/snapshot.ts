// Use-case: a copy of the database for a backup, while the broker runs. It lies in the authority's own directory
// until whoever asked has read it; what an earlier one left behind is removed.

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuthorityContext } from '../context.ts';

const prefix = 'snapshot-';

export interface SnapshotFile {
  readonly path: string;
  /** The log has at least this in it. */
  readonly size: number;
  readonly chainHash: string;
  readonly stateEpoch: number;
}

export async function makeSnapshot(ctx: AuthorityContext, dir: string): Promise<SnapshotFile> {
  for (const name of await readdir(dir)) if (name.startsWith(prefix)) await rm(join(dir, name));
  const { size, chainHash } = await ctx.store.head();
  const { stateEpoch } = ctx.broker;
  // Before the copy: it then knows of itself.
  await ctx.store.commit({
    changes: [],
    events: [
      {
        type: 'broker.backed_up',
        actor: { kind: 'system', id: 'local' },
        outcome: 'success',
        body: { logSize: size, chainHash, stateEpoch },
      },
    ],
  });
  const path = join(dir, `${prefix}${Buffer.from(ctx.random.bytes(8)).toString('hex')}.db`);
  const head = await ctx.store.snapshot(path);
  return { path, ...head, stateEpoch };
}
