// What somebody on site does with approver sets: reads one from a file, pins it, looks at the pinned one. Where an
// agent runs it pins the set itself, so that the file has one writer and the set counts at once.

import { readFile, stat } from 'node:fs/promises';
import type { ApprovalCheck, ApproverSet } from '../../core/approver-set.ts';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { fileFault } from '../../platform/file-fault.ts';
import { parseSignedApproverSet, type SignedApproverSet } from '../../wire/approver-set.ts';
import { orderAgent } from '../local-socket.ts';
import { loadRules, rulesFile } from '../owner/load-rules.ts';
import { defaultStateDir, loadJoined } from '../state.ts';
import { loadPinnedSet, pinSet } from './pinned-set.ts';

/** Throws SallyportError or FileFault with words. */
export async function readApproverFile(path: string): Promise<SignedApproverSet> {
  const content = await contentOf(path);
  const read = content === undefined ? undefined : parseSignedApproverSet(content);
  if (read !== undefined) return read;
  throw new SallyportError('invalid', `"${path}" holds no approver set`, {
    next: 'write it at the broker: sallyport approvers export --to FILE',
  });
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    return size > limits.approverSetMaxBytes ? undefined : await readFile(path, 'utf8');
  } catch (error) {
    throw fileFault(error, 'read', path);
  }
}

export interface Pinned {
  /** Whether the agent looks at approvals, as agent.yaml beside its state says. */
  readonly rules: ApprovalCheck;
}

/** Throws `conflict` where a later version is pinned already. */
export async function pinApprovers(
  next: SignedApproverSet,
  at: { readonly state?: string | undefined },
): Promise<Pinned> {
  const dir = at.state ?? defaultStateDir();
  await loadJoined(dir);
  const answer = await orderAgent(dir, { do: 'pin', approvers: next });
  if (answer === undefined) await pinSet(dir, next);
  const rules = await loadRules(rulesFile(dir, undefined).path);
  return { rules: rules?.approvals ?? 'off' };
}

export async function pinnedApprovers(state: string | undefined): Promise<ApproverSet | undefined> {
  return await loadPinnedSet(state ?? defaultStateDir());
}
