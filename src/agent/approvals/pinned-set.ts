// The approver set that this device has pinned, in its state directory. The first is pinned by whoever is on site;
// each later one needs the yes of enough persons of the one that stands, or somebody on site again. Its version
// never falls (design section 6).

import { join } from 'node:path';
import { provenPersons, type ApproverSet } from '../../core/approver-set.ts';
import { SallyportError } from '../../core/errors.ts';
import { parseJsonObject } from '../../core/json.ts';
import { readPrivateFile, writeFileAtomic } from '../../platform/files.ts';
import { approverSetDigest, readSignedApproverSet, type SignedApproverSet } from '../../wire/approver-set.ts';
import { verifyProof } from './verify-proof.ts';

const fileFormat = 1;

function pathIn(stateDir: string): string {
  return join(stateDir, 'approvers.json');
}

/** Undefined where none was ever pinned. Throws SallyportError: a damaged one is not the same as none. */
export async function loadPinnedSet(stateDir: string): Promise<ApproverSet | undefined> {
  const path = pathIn(stateDir);
  const bytes = await readPrivateFile(path);
  if (bytes === undefined) return undefined;
  const fields = parseJsonObject(bytes.toString('utf8'));
  const read = fields?.['format'] === fileFormat ? readSignedApproverSet(fields) : undefined;
  if (read !== undefined) return read.set;
  throw new SallyportError('local_file', `"${path}" is damaged, or by another version of the agent`, {
    next: 'use the version that wrote it, or move the file away and pin a set again (docs/approvals.md)',
  });
}

/** By somebody on site. Throws `conflict` where a set of the same or a later version stands. */
export async function pinSet(stateDir: string, next: SignedApproverSet): Promise<void> {
  const pinned = await loadPinnedSet(stateDir);
  if (pinned !== undefined && pinned.version >= next.set.version) {
    const isSame = approverSetDigest(pinned) === approverSetDigest(next.set);
    if (isSame) return;
    throw new SallyportError(
      'conflict',
      `version ${pinned.version} of the approver set is pinned already, and this is version ${next.set.version}`,
      { next: 'export the newest one at the broker: sallyport approvers export --to FILE' },
    );
  }
  await store(stateDir, next);
}

export type RaiseAnswer =
  | { readonly ok: true; readonly set: ApproverSet }
  | { readonly ok: false; readonly why: string };

/** Of what the broker brought: the next set takes the yes of the pinned one's threshold. */
export async function raiseSet(
  stateDir: string,
  pinned: ApproverSet,
  next: SignedApproverSet,
  now: number,
): Promise<RaiseAnswer> {
  if (next.set.version <= pinned.version)
    return { ok: false, why: `version ${next.set.version} is not later than the pinned ${pinned.version}` };
  if (now >= pinned.expiresAt)
    return { ok: false, why: 'the pinned set has expired: only somebody on site can pin another' };
  const digest = approverSetDigest(next.set);
  const signed = [];
  for (const proof of next.signatures) {
    const verdict = await verifyProof(proof, { set: pinned, digest, what: 'set' });
    if (verdict.ok) signed.push(verdict.with);
  }
  const persons = provenPersons(pinned, 'verify', signed);
  if (persons.size < pinned.threshold)
    return { ok: false, why: `${persons.size} of the ${pinned.threshold} persons that it takes signed it` };
  await store(stateDir, next);
  return { ok: true, set: next.set };
}

async function store(stateDir: string, { set, signatures }: SignedApproverSet): Promise<void> {
  await writeFileAtomic(
    pathIn(stateDir),
    `${JSON.stringify({ format: fileFormat, set, signatures }, null, 2)}\n`,
  );
}
