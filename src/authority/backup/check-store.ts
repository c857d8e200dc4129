// Whether a store is whole: its log is walked from the first leaf to the last, and what is in it is counted.

import { limits } from '../../core/limits.ts';
import { finishChain, startChain, verifyLeaves, type ChainStep } from '../../wire/audit-chain.ts';
import type { Store } from '../store/store.ts';

export interface StoreCheck {
  readonly isWhole: boolean;
  /** Where it is not, in words. */
  readonly fault?: string;
  readonly size: number;
  readonly chainHash: string;
  /** RFC 3339, of the newest event. */
  readonly newest: string;
  readonly stateEpoch: number;
  readonly devices: number;
  readonly identities: number;
}

export async function checkStore(store: Store, facts: { readonly stateEpoch: number }): Promise<StoreCheck> {
  const { size } = await store.head();
  let step: ChainStep = { ok: true, state: startChain() };
  while (step.ok && step.state.size < size) {
    const leaves = await store.leaves(step.state.size + 1, limits.auditPageMax);
    if (leaves.length === 0) break;
    step = verifyLeaves(step.state, leaves);
    // Between pages, what is live goes on.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (step.ok && step.state.size >= size) step = finishChain(step.state);
  const isWhole = step.ok && step.state.size >= size;
  const fault = step.ok
    ? `the log ends at ${step.state.size} of ${size}`
    : `event ${step.seq}: ${step.message}`;
  return {
    isWhole,
    ...(isWhole ? {} : { fault }),
    size: step.ok ? step.state.size : step.seq - 1,
    chainHash: step.ok ? step.state.chainHash : '',
    newest: step.ok ? step.state.time : '',
    stateEpoch: facts.stateEpoch,
    devices: await store.count('device', {}),
    identities: await store.count('identity', {}),
  };
}
