// The offline keys that open this device for somebody who stands before it, in its state directory. The broker's are
// pinned when it joins, and follow the broker's at each renewal; what somebody on site pinned instead stays, and so
// does what was pinned where the device looks at approvals itself (docs/break-glass.md).

import { join } from 'node:path';
import { parseBreakGlassKeys, type BreakGlassKeys } from '../../core/break-glass.ts';
import { SallyportError } from '../../core/errors.ts';
import { canonicalJson, parseJsonObject, type JsonObject } from '../../core/json.ts';
import { Turns } from '../../core/turns.ts';
import type { Log } from '../../platform/log.ts';
import { readPrivateFile, writeFileAtomic } from '../../platform/files.ts';

const fileFormat = 1;

export interface Pinned {
  readonly keys: BreakGlassKeys;
  readonly by: 'broker' | 'on_site';
}

function pathIn(stateDir: string): string {
  return join(stateDir, 'break-glass.json');
}

/** Undefined where none were ever pinned. Throws SallyportError: damaged ones are not the same as none. */
export async function loadPinnedKeys(stateDir: string): Promise<Pinned | undefined> {
  const path = pathIn(stateDir);
  const bytes = await readPrivateFile(path);
  if (bytes === undefined) return undefined;
  const { format, by, keys } = parseJsonObject(bytes.toString('utf8')) ?? {};
  const read = format === fileFormat ? parseBreakGlassKeys(keys) : undefined;
  if (read !== undefined && (by === 'broker' || by === 'on_site')) return { keys: read, by };
  throw new SallyportError('local_file', `"${path}" is damaged, or by another version of the agent`, {
    next: 'use the version that wrote it, or pin the keys again: sallyport agent pin-breakglass --help',
  });
}

export async function storePinnedKeys(stateDir: string, { keys, by }: Pinned): Promise<void> {
  await writeFileAtomic(
    pathIn(stateDir),
    `${JSON.stringify({ format: fileFormat, by, keys: asJson(keys) }, null, 2)}\n`,
  );
}

export interface PinnedKeysOptions {
  readonly dir: string;
  /** What the broker says later does not count here. */
  readonly isFixed: () => boolean;
  readonly log: Log;
}

/** Those of a running agent, which is the only one to write them. */
export class PinnedKeys {
  readonly #options: PinnedKeysOptions;
  #pinned: Pinned | undefined;
  readonly #turns = new Turns();

  private constructor(options: PinnedKeysOptions, pinned: Pinned | undefined) {
    this.#options = options;
    this.#pinned = pinned;
  }

  /** Throws SallyportError with words. */
  static async open(options: PinnedKeysOptions): Promise<PinnedKeys> {
    return new PinnedKeys(options, await loadPinnedKeys(options.dir));
  }

  get current(): Pinned | undefined {
    return this.#pinned;
  }

  /** By somebody on site: what the broker says does not count any more. */
  async pin(keys: BreakGlassKeys): Promise<void> {
    await this.#store({ keys, by: 'on_site' });
  }

  /** Somebody on site leaves it to the broker again, whose keys come with the next renewal. */
  async leaveToBroker(): Promise<void> {
    await this.#store({ keys: { need: 0, keys: [] }, by: 'broker' });
  }

  /** From the authority itself, past the gate. Anything but a set of keys is left out. */
  async follow(offered: unknown): Promise<void> {
    const keys = parseBreakGlassKeys(offered);
    const { dir, isFixed, log } = this.#options;
    if (keys === undefined || this.#pinned?.by === 'on_site') return;
    if (
      this.#pinned !== undefined &&
      canonicalJson(asJson(keys)) === canonicalJson(asJson(this.#pinned.keys))
    )
      return;
    if (isFixed()) {
      log.warn({ dir }, 'the broker has other offline keys, and this device keeps the ones it has pinned');
      return;
    }
    await this.#store({ keys, by: 'broker' });
    log.info({ need: keys.need, keys: keys.keys.map(({ name }) => name) }, 'the offline keys are pinned');
  }

  async #store(next: Pinned): Promise<void> {
    await this.#turns.take(async () => {
      await storePinnedKeys(this.#options.dir, next);
      this.#pinned = next;
    });
  }
}

function asJson({ need, keys }: BreakGlassKeys): JsonObject {
  return { need, keys: keys.map(({ name, spki }) => ({ name, spki })) };
}
