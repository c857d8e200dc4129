// Wires break-glass on this device, and says how what an earlier run of the agent left of it ended.

import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import type { Random } from '../../platform/random.ts';
import type { Signer } from '../../wire/signed.ts';
import type { LiveRecords } from '../live-records.ts';
import { ownAccount } from '../services/account.ts';
import type { Processes } from '../services/processes.ts';
import type { Report } from '../session-reports.ts';
import type { AgentState } from '../state.ts';
import { OnSite } from './on-site.ts';
import { PinnedKeys } from './pinned-keys.ts';
import { digestOf } from './recording.ts';
import { Reports } from './reports.ts';
import { Spool } from './spool.ts';

export interface OnSiteParts {
  readonly dir: string;
  readonly state: Pick<AgentState, 'deviceId' | 'name' | 'trustDomain'>;
  readonly isFixed: () => boolean;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly processes: Processes;
  readonly records: LiveRecords;
  /** Of the sessions that were ended when this run began. */
  readonly leftovers: readonly Report[];
  /** Unix ms: signed time, or the best that is known without. */
  readonly now: () => number;
  /** The same as this run began. */
  readonly startedAt: number;
  /** To the api, as this device. */
  readonly post: (path: string, body: object, timeoutMs?: number) => Promise<unknown>;
  readonly get: (path: string, timeoutMs?: number) => Promise<unknown>;
}

export interface AssembledOnSite {
  readonly keys: PinnedKeys;
  readonly onSite: OnSite;
  /** Those of the leftovers that were the broker's sessions. */
  readonly leftovers: readonly Report[];
}

const askPath = '/v1/device/break-glass';

export async function assembleOnSite(parts: OnSiteParts): Promise<AssembledOnSite> {
  const { dir, state, signer, clock, random, log, processes, records, now, post, get } = parts;
  const { deviceId: id, name, trustDomain } = state;
  const keys = await PinnedKeys.open({ dir, isFixed: parts.isFixed, log });
  const spool = await Spool.open(dir).catch((error: unknown) => {
    // A device that is far away must not stay away for it; but nothing opens on site.
    if (!(error instanceof SallyportError)) throw error;
    log.error({ error: error.message }, 'break-glass on site is shut');
    return error;
  });
  const readable = spool instanceof SallyportError ? undefined : spool;
  const own = readable === undefined ? [] : await endLeftOver(readable, parts);
  const reports = new Reports({
    spool: readable,
    signer,
    clock,
    log,
    send: async (report) => void (await post(`${askPath}/reports`, { report })),
  });
  const onSite = new OnSite({
    trustDomain,
    device: { id, name },
    keys,
    spool,
    reports,
    ownAccount: ownAccount(),
    clock,
    random,
    log,
    now,
    ask: async (file) => void (await post(askPath, { ...file }, limits.onSiteAskMs)),
    stands: async (use) => standsIn(await get(`${askPath}/${use}`, limits.onSiteAskMs)),
    openScope: async (session) => {
      const [scope] = await Promise.all([processes.openScope(session), records.add(session)]);
      return scope;
    },
    onEnded: async (session) => await records.remove(session),
  });
  const isOwn = ({ session }: Report): boolean => own.includes(session);
  return { keys, onSite, leftovers: parts.leftovers.filter((report) => !isOwn(report)) };
}

/** Only a clear no is one. */
function standsIn(body: unknown): boolean {
  return !(typeof body === 'object' && body !== null && 'stands' in body && body.stands === false);
}

/** Negative test I17: their processes are gone by now. Answers the sessions that were of break-glass. */
async function endLeftOver(
  spool: Spool,
  { leftovers, records, startedAt }: OnSiteParts,
): Promise<readonly string[]> {
  for (const { id, report } of spool.uses) {
    if (report.ended !== undefined) continue;
    const { processesLeft = 0 } = leftovers.find(({ session }) => session === report.session) ?? {};
    const digest = await digestOf(spool.recordingPath(id));
    await spool.end(id, { at: startedAt, cause: 'agent_restarted', processesLeft, ...digest });
    await records.remove(report.session);
  }
  return spool.uses.map(({ report }) => report.session);
}
