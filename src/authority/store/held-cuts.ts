// Cuts that could not be written to the store: held in memory, in the reserve, and laid over the records,
// until they are replayed. Memory keeps them all; the reserve is for the crash in between.

import { prepareCommit, restoreCommit, type PreparedCommit } from './prepared-commit.ts';
import type { Backend } from './backend.ts';
import { Overlay } from './overlay.ts';
import type { Reserve, ReserveRecord } from './reserve.ts';
import type { StoreLog } from './store-log.ts';
import { StoreConflict, StoreUnavailable, type Commit } from './store.ts';

export interface HeldCutsParts {
  readonly backend: Backend;
  readonly reserve: Reserve;
  readonly log: StoreLog;
  /** A cut took place and is written nowhere that survives a crash. */
  readonly onSinkFailed: (error: Error) => void;
}

export class HeldCuts {
  readonly overlay: Overlay;
  readonly #parts: HeldCutsParts;
  #held: PreparedCommit[] = [];
  /** The reserve's own last number, and how many held cuts it had no room for. */
  #number = 0;
  #unsaved = 0;

  constructor(parts: HeldCutsParts) {
    this.#parts = parts;
    this.overlay = new Overlay(parts.backend);
  }

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /** Takes up what an earlier process left in the reserve and had not replayed. */
  async restore(): Promise<void> {
    const replayedTo = await this.#parts.backend.replayedTo();
    const { found } = this.#parts.reserve;
    this.#number = Math.max(replayedTo, found.at(-1)?.number ?? 0);
    for (const { number, at, commit } of found) {
      if (number <= replayedTo) continue;
      const prepared = prepareCommit(commit, at);
      await this.#lay(prepared);
      this.#held.push(prepared);
    }
  }

  /** Holds the cuts, in order. The answer has one entry for each: a conflict, or nothing. */
  async hold(cuts: readonly PreparedCommit[]): Promise<readonly (StoreConflict | undefined)[]> {
    const refusals: (StoreConflict | undefined)[] = [];
    const taken: PreparedCommit[] = [];
    for (const cut of cuts) {
      const refusal = await this.#lay(cut);
      refusals.push(refusal);
      if (refusal === undefined) taken.push(cut);
    }
    if (taken.length > 0) await this.#save(taken);
    return refusals;
  }

  /** What to write to empty this: the held cuts, then a word about them. */
  replay(now: number): { readonly batch: readonly PreparedCommit[]; readonly replayedTo: number } {
    const notice = prepareCommit({ changes: [], events: this.#notices() }, now);
    return { batch: [...this.#held, notice], replayedTo: this.#number };
  }

  /** After the replay is durable. */
  async release(): Promise<void> {
    this.#held = [];
    this.#unsaved = 0;
    this.overlay.clear();
    try {
      await this.#parts.reserve.clear();
    } catch (error) {
      // Harmless: the store remembers up to which number it has replayed.
      this.#parts.log.warn({ reason: messageOf(error) }, 'the reserve could not be cleared');
    }
  }

  async #lay(cut: PreparedCommit): Promise<StoreConflict | undefined> {
    try {
      await this.overlay.apply(cut.changes);
    } catch (error) {
      if (error instanceof StoreConflict) return error;
      // Not even readable: the cut is held unchecked, for a cut never waits.
      if (!(error instanceof StoreUnavailable)) throw error;
    }
    return undefined;
  }

  async #save(cuts: readonly PreparedCommit[]): Promise<void> {
    this.#held.push(...cuts);
    const records = cuts.map((cut): ReserveRecord => {
      this.#number += 1;
      return { number: this.#number, at: cut.at, commit: restoreCommit(cut) };
    });
    let failure: Error | undefined;
    try {
      if (await this.#parts.reserve.append(records)) return;
      failure = new StoreUnavailable('the reserve is full');
    } catch (error) {
      failure = new StoreUnavailable(`the reserve cannot be written: ${messageOf(error)}`, { cause: error });
    }
    this.#unsaved += cuts.length;
    this.#parts.log.error(
      { reason: failure.message, cuts: cuts.length },
      'cuts took place that are written nowhere yet; nothing opens until they are',
    );
    this.#parts.onSinkFailed(failure);
  }

  #notices(): Commit['events'] {
    const actor = { kind: 'system', id: 'store' } as const;
    const events = this.#held.reduce((sum, cut) => sum + cut.events.length, 0);
    const body = { commits: this.#held.length, events };
    const replayed = { type: 'audit.reserve_replayed', actor, outcome: 'success', body } as const;
    if (this.#unsaved === 0) return [replayed];
    // They are on the log now; that for a while a crash would have lost them is on it too.
    const failed = { type: 'audit.sink_failed', actor, outcome: 'failure' } as const;
    return [replayed, { ...failed, body: { sink: 'reserve', commits: this.#unsaved } }];
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
