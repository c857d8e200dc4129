// The maintenance windows, in memory: every decision asks whether one is open. What the rule says is worked out
// once for each stretch of time in which the answer stays the same.

import type { Device } from '../../core/device.ts';
import type { WindowId } from '../../core/ids.ts';
import { appliesTo, type Window } from '../../core/window.ts';
import type { Clock } from '../../platform/clock.ts';
import { eachRecord } from '../admin/each-record.ts';
import type { Store } from '../store/store.ts';
import { readRecurrence, type Recurrence } from './recurrence.ts';

/** Unix ms. */
export type WindowState =
  | { readonly isOpen: true; readonly endsAt: number }
  /** `opensAt` absent: not within four years. */
  | { readonly isOpen: false; readonly opensAt?: number };

interface Entry {
  readonly window: Window;
  readonly recurrence: Recurrence;
  /** The newest answer, and for which time it holds. */
  known?: { readonly from: number; readonly until: number; readonly state: WindowState };
}

/** Openings that touch or overlap are one; a rule that never closes is asked again after so many. */
const joinedMax = 64;

export class WindowBook {
  readonly #clock: Clock;
  readonly #entries = new Map<WindowId, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  add(window: Window): void {
    this.#entries.set(window.id, { window, recurrence: readRecurrence(window.rule) });
  }

  remove(id: WindowId): void {
    this.#entries.delete(id);
  }

  async load(store: Store): Promise<void> {
    for await (const { value } of eachRecord(store, 'window')) this.add(value);
  }

  stateOf(id: WindowId): WindowState {
    const entry = this.#entries.get(id);
    return entry === undefined ? { isOpen: false } : this.#look(entry, this.#clock.now());
  }

  /** Of all windows on this device together. */
  stateFor(device: Pick<Device, 'id' | 'tenant' | 'labels'>): WindowState {
    const now = this.#clock.now();
    let opensAt: number | undefined;
    let endsAt: number | undefined;
    for (const entry of this.#entries.values()) {
      if (!appliesTo(entry.window, device)) continue;
      const state = this.#look(entry, now);
      if (state.isOpen) endsAt = Math.max(endsAt ?? 0, state.endsAt);
      else if (state.opensAt !== undefined) opensAt = Math.min(opensAt ?? Infinity, state.opensAt);
    }
    if (endsAt !== undefined) return { isOpen: true, endsAt };
    return { isOpen: false, ...(opensAt === undefined ? {} : { opensAt }) };
  }

  #look(entry: Entry, now: number): WindowState {
    const { known } = entry;
    if (known !== undefined && now >= known.from && now < known.until) return known.state;
    const state = work(entry, now);
    const until = state.isOpen ? state.endsAt : (state.opensAt ?? Infinity);
    entry.known = { from: now, until, state };
    return state;
  }
}

/** Open from its start, and no more at its end. */
function work({ window, recurrence }: Entry, now: number): WindowState {
  const { lastsMs } = window;
  const [start] = recurrence.startsBetween(now - lastsMs, now).toReversed();
  if (start === undefined) {
    const opensAt = recurrence.nextAfter(now);
    return { isOpen: false, ...(opensAt === undefined ? {} : { opensAt }) };
  }
  let endsAt = start + lastsMs;
  for (let joined = 0; joined < joinedMax; joined += 1) {
    const [next] = recurrence.startsBetween(endsAt - lastsMs, endsAt).toReversed();
    if (next === undefined || next + lastsMs <= endsAt) break;
    endsAt = next + lastsMs;
  }
  return { isOpen: true, endsAt };
}
