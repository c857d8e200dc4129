// What the agent remembers between runs, in one private directory (0700): device.key, which never leaves
// it, and state.json. Each write is whole and fsynced. Content that is half-written, or of another format,
// is refused with words: guessing here would mean to trust somebody else's root.

import { homedir } from 'node:os';
import { join } from 'node:path';
import type { KeyObject } from 'node:crypto';
import { SallyportError } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import { ensurePrivateDir, readPrivateFile, writeFileAtomic } from '../platform/files.ts';
import { loadPrivateKey } from '../platform/keys.ts';
import { complete, text, texts, whole, type Fields } from '../wire/fields.ts';

export const stateFormat = 1;

export interface AgentState {
  /** As given to `agent join`. */
  readonly address: string;
  /** Where the broker said that it may be found too. */
  readonly addresses?: readonly string[];
  /** The broker's own name, for people. */
  readonly broker: string;
  /** PEM. Pinned for good: nothing that the broker says later replaces it. */
  readonly root: string;
  readonly trustDomain: string;
  readonly env: string;
  readonly deviceId: string;
  readonly name: string;
  /** PEM chain of the device, leaf first. */
  readonly certificate: string;
  /** The newest keyset statement, and its version: a lower one is refused. */
  readonly keyset: string;
  readonly keysetVersion: number;
  /** The highest ever seen: a broker that was restored raises it, a replayed one is lower. */
  readonly stateEpoch: number;
  readonly renewal: Renewal;
}

/** "host:port" of where its broker may be found, the one it was joined at first. */
export function placesOf({ address, addresses = [] }: AgentState): readonly string[] {
  return [...new Set([address, ...addresses])];
}

export interface Renewal {
  readonly n: number;
  readonly secret: string;
  /** The authority's word that this is where the device stands; absent before the first renewal. */
  readonly proof?: string;
  /** A request that was sent, or may have been: it is repeated byte for byte until it is answered. */
  readonly pending?: { readonly request: string; readonly nextSecret: string };
}

export function defaultStateDir(): string {
  return join(homedir(), '.sallyport-agent');
}

export function keyPath(dir: string): string {
  return join(dir, 'device.key');
}

function statePath(dir: string): string {
  return join(dir, 'state.json');
}

/** Undefined when this directory never joined. */
export async function loadState(dir: string): Promise<AgentState | undefined> {
  const bytes = await readPrivateFile(statePath(dir));
  if (bytes === undefined) return undefined;
  const fields = parseJsonObject(bytes.toString('utf8'));
  if (fields === undefined) throw unreadable(dir, 'is damaged');
  if (fields['format'] !== stateFormat) throw unreadable(dir, 'was written by another version of the agent');
  const state = readState(fields);
  if (state === undefined) throw unreadable(dir, 'is damaged');
  return state;
}

/** The state and the key of a device that has joined; throws with words otherwise. */
export async function loadJoined(
  dir: string,
): Promise<{ readonly state: AgentState; readonly key: KeyObject }> {
  const state = await loadState(dir);
  const key = await loadPrivateKey(keyPath(dir));
  if (state === undefined || key === undefined) {
    throw new SallyportError('local_file', `"${dir}" holds no device that has joined a broker`, {
      next: 'ask an administrator for an invite, then: sallyport agent join ADDRESS --token …',
    });
  }
  return { state, key };
}

export async function saveState(dir: string, state: AgentState): Promise<void> {
  await ensurePrivateDir(dir);
  await writeFileAtomic(statePath(dir), `${JSON.stringify({ format: stateFormat, ...state }, null, 2)}\n`);
}

/** The state of a running agent: one writer, and what it answers is what the disk holds. */
export class StateFile {
  readonly dir: string;
  #state: AgentState;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(dir: string, state: AgentState) {
    this.dir = dir;
    this.#state = state;
  }

  get current(): AgentState {
    return this.#state;
  }

  /** Writes the changed state; it counts only once it is on the disk. Changes queue up. */
  update(change: (state: AgentState) => AgentState): Promise<void> {
    const turn = this.#after(this.#turn, change);
    // A failed write is the caller's to hear; the next one in the queue tries by itself.
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #after(turn: Promise<unknown>, change: (state: AgentState) => AgentState): Promise<void> {
    await turn;
    const next = change(this.#state);
    if (next === this.#state) return;
    await saveState(this.dir, next);
    this.#state = next;
  }
}

function readState(fields: Fields): AgentState | undefined {
  const renewal = fields['renewal'];
  const addresses = texts(fields, 'addresses');
  const state = complete<Omit<AgentState, 'addresses'>>({
    address: text(fields, 'address'),
    broker: text(fields, 'broker'),
    root: text(fields, 'root'),
    trustDomain: text(fields, 'trustDomain'),
    env: text(fields, 'env'),
    deviceId: text(fields, 'deviceId'),
    name: text(fields, 'name'),
    certificate: text(fields, 'certificate'),
    keyset: text(fields, 'keyset'),
    keysetVersion: whole(fields, 'keysetVersion'),
    stateEpoch: whole(fields, 'stateEpoch'),
    renewal: isFields(renewal) ? readRenewal(renewal) : undefined,
  });
  return state && { ...state, ...(addresses === undefined ? {} : { addresses }) };
}

function readRenewal(fields: Fields): Renewal | undefined {
  const proof = text(fields, 'proof');
  const current = complete<Pick<Renewal, 'n' | 'secret'>>({
    n: whole(fields, 'n'),
    secret: text(fields, 'secret'),
  });
  if (current === undefined) return undefined;
  const own = { ...current, ...(proof === undefined ? {} : { proof }) };
  const pending = fields['pending'];
  if (pending === undefined) return own;
  if (!isFields(pending)) return undefined;
  const request = text(pending, 'request');
  const nextSecret = text(pending, 'nextSecret');
  if (request === undefined || nextSecret === undefined) return undefined;
  return { ...own, pending: { request, nextSecret } };
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unreadable(dir: string, what: string): SallyportError {
  return new SallyportError('local_file', `the agent's state in "${dir}" ${what}`, {
    next: 'use the version that wrote it, or move the directory away and join again',
  });
}
