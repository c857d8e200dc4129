// sallyport broker check: is everything of this broker there and whole; while it runs, too.

import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { StoreCheck } from '../../../authority/backup/check-store.ts';
import { checkStopped } from '../../../authority/backup/stopped.ts';
import { inspectKeys, type KeyFacts } from '../../../authority/pki/inspect-keys.ts';
import { formatDuration } from '../../../core/duration.ts';
import { exitStatus, SallyportError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { askLocal, localSocketOf } from '../../broker/ask-local.ts';
import { loadConfig } from '../../broker/load-config.ts';
import { printJson, type Tone } from '../../output.ts';
import { asSallyportError } from '../../report.ts';
import { printTable } from '../../table.ts';
import { defaultDataDir } from './run.ts';

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly says: string;
  readonly next?: string;
}

const freeBytesMin = 256 * 1024 * 1024;
const clockSlackMs = 60_000;

export async function run(options: CommonOptions & { readonly data?: string }): Promise<number> {
  const dataDir = resolve(options.data ?? defaultDataDir());
  if (!existsSync(join(dataDir, 'authority', 'store.db'))) {
    throw new SallyportError('local_file', `"${dataDir}" holds no broker`, {
      next: 'give the directory of --data of "broker run"',
    });
  }
  const findings: Finding[] = [];
  const look = async (check: string, run: () => Promise<Omit<Finding, 'check'>>): Promise<void> => {
    try {
      findings.push({ check, ...(await run()) });
    } catch (error) {
      const { message, next } = asSallyportError(error);
      findings.push({ check, ok: false, says: message, ...(next === undefined ? {} : { next }) });
    }
  };
  await look('configuration', async () => {
    const { name, listen } = await loadConfig(dataDir, {});
    return { ok: true, says: `"${name}", listens on ${listen.host}:${listen.port}` };
  });
  const running = existsSync(localSocketOf(dataDir)) ? askRunning(dataDir) : undefined;
  // Looked at below; a broker that does not answer is a finding of each that needs it.
  running?.catch(() => undefined);
  await look('keys', async () => checkKeys((await running)?.keys ?? (await stoppedKeys(dataDir))));
  let store: StoreCheck | undefined;
  await look('log', async () => {
    store = (await running) ?? (await checkStopped(join(dataDir, 'authority')));
    if (!store.isWhole)
      return { ok: false, says: store.fault ?? 'broken', next: 'restore a backup: sallyport broker restore' };
    return {
      ok: true,
      says: `whole, ${store.size} events; ${store.devices} devices, ${store.identities} identities; state epoch ${store.stateEpoch}`,
    };
  });
  await look('clock', () => Promise.resolve(checkClock(store?.newest ?? '')));
  await look('disk', async () => {
    const { bavail, bsize } = await statfs(dataDir);
    const free = bavail * bsize;
    const says = `${Math.round(free / 2 ** 20)} MiB free`;
    return free >= freeBytesMin
      ? { ok: true, says }
      : { ok: false, says, next: 'free some space: nothing opens on a full disk' };
  });
  if (options.json === true) printJson(findings);
  else {
    printTable<Finding>(
      findings,
      [
        { title: 'CHECK', value: ({ check }) => check },
        {
          title: 'STATE',
          value: ({ ok }) => (ok ? 'good' : 'bad'),
          tone: ({ ok }): Tone => (ok ? 'good' : 'bad'),
        },
        { title: 'FOUND', value: ({ says }) => says },
        { title: 'NEXT', value: ({ next }) => next },
      ],
      { empty: 'nothing was checked' },
    );
  }
  return findings.every(({ ok }) => ok) ? exitStatus.done : exitStatus.failed;
}

type Running = StoreCheck & { readonly keys: KeyFacts };

async function askRunning(dataDir: string): Promise<Running> {
  return (await askLocal(
    dataDir,
    { do: 'check' },
    { timeoutMs: limits.snapshotMaxMs },
  )) as unknown as Running;
}

async function stoppedKeys(dataDir: string): Promise<KeyFacts> {
  return await inspectKeys(join(dataDir, 'authority', 'keys'));
}

function checkKeys({
  issuingEndsAt,
  keysetVersion,
  keysetEndsAt,
  warnings,
}: KeyFacts): Omit<Finding, 'check'> {
  const now = Date.now();
  const [warning] = warnings;
  if (warning !== undefined) return { ok: false, says: warning };
  if (Math.min(issuingEndsAt, keysetEndsAt) <= now) {
    return { ok: false, says: 'they have ended', next: 'start the broker, with the root key in place' };
  }
  const left = (ms: number): string => formatDuration(ms - now);
  const says = `they belong together; issuing CA ${left(issuingEndsAt)}, keyset ${keysetVersion} ${left(keysetEndsAt)} left`;
  return { ok: true, says };
}

function checkClock(newest: string): Omit<Finding, 'check'> {
  const behindMs = newest === '' ? 0 : Date.parse(newest) - Date.now();
  if (behindMs <= clockSlackMs) return { ok: true, says: 'not behind the newest event' };
  return { ok: false, says: `${formatDuration(behindMs)} behind the newest event`, next: 'set the clock' };
}
