// sallyport audit verify: every leaf is fetched and hashed here; the broker's word counts for nothing. The
// head that a verification ended in is remembered beside the profile, so that the next one also notices
// a log that was rewritten or cut short since.

import { join } from 'node:path';
import { exitStatus, SallyportError } from '../../../core/errors.ts';
import { parseJsonObject } from '../../../core/json.ts';
import { limits } from '../../../core/limits.ts';
import { readPrivateFile, writeFileAtomic } from '../../../platform/files.ts';
import {
  finishChain,
  startChain,
  verifyLeaves,
  type ChainHead,
  type ChainStep,
} from '../../../wire/audit-chain.ts';
import { text, whole } from '../../../wire/fields.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { counted, print, printJson, tone } from '../../output.ts';
import { loadSignIn, profilePath, type SignIn } from '../../profile.ts';

export async function run(options: CommonOptions): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const remembered = await readHead(me);
  const head = await call(me, 'GET /v1/audit/head', {});
  const step = await verify(me, head.size, remembered);
  if (!step.ok) {
    if (options.json === true) printJson({ ok: false, seq: step.seq, fault: step.fault });
    else print(`${tone('bad', 'broken')} at event ${step.seq}: ${step.message}`);
    return exitStatus.failed;
  }
  const { size, chainHash, erased, time } = step.state;
  await writeFileAtomic(headPath(me), JSON.stringify({ size, chainHash }));
  if (options.json === true) {
    printJson({ ok: true, size, chainHash, erased, lastTime: time, since: remembered ?? null });
    return exitStatus.done;
  }
  print(`${tone('good', 'whole')}: ${counted(size, 'event')}, each follows the one before`);
  print(`head ${chainHash}`);
  if (erased > 0) print(`erased bodies: ${erased}; their hashes still hold`);
  print(
    remembered === undefined
      ? 'first verification from here: write the head down elsewhere, or verify again later, to notice a rewritten log'
      : `nothing up to event ${remembered.size} was rewritten since the last verification from here`,
  );
  return exitStatus.done;
}

/** To `size` at least: what is appended meanwhile belongs to the next verification. */
async function verify(me: SignIn, size: number, remembered: ChainHead | undefined): Promise<ChainStep> {
  const progress = startProgress(size);
  let step: ChainStep = { ok: true, state: startChain(remembered === undefined ? [] : [remembered]) };
  while (step.ok && step.state.size < size) {
    const { items } = await call(me, 'GET /v1/audit/leaves', {
      query: { fromSeq: step.state.size + 1, limit: limits.auditPageMax },
    });
    if (items.length === 0) {
      throw new SallyportError('unavailable', `the broker says ${size} events and gives ${step.state.size}`, {
        next: 'try again; if it stays so, the log was cut short',
      });
    }
    step = verifyLeaves(step.state, items);
    if (step.ok) progress.show(step.state.size);
  }
  progress.clear();
  return step.ok ? finishChain(step.state) : step;
}

function startProgress(size: number): { show(done: number): void; clear(): void } {
  const { stderr } = process;
  if (!stderr.isTTY || size <= limits.auditPageMax) return { show: () => undefined, clear: () => undefined };
  return {
    show: (done) => void stderr.write(`\r\x1b[Kverified ${done} of ${size} events`),
    clear: () => void stderr.write('\r\x1b[K'),
  };
}

async function readHead(me: SignIn): Promise<ChainHead | undefined> {
  const stored = await readPrivateFile(headPath(me));
  const fields = stored === undefined ? undefined : parseJsonObject(stored.toString());
  const size = fields === undefined ? undefined : whole(fields, 'size');
  const chainHash = fields === undefined ? undefined : text(fields, 'chainHash');
  return size === undefined || chainHash === undefined ? undefined : { size, chainHash };
}

function headPath(me: SignIn): string {
  return join(profilePath(me.broker), 'audit-head.json');
}
