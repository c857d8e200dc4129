// `agent preflight`: what stands between this machine and a broker, found before anything depends on it
// . One thing after the other, each only where the one before let it: the first that fails is the one
// to mend. Works without a certificate, and changes nothing: the broker sees one connection more on each door.

import type { TLSSocket } from 'node:tls';
import { parseAddress } from '../../link/address.ts';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { ChosenProxy } from '../../link/choose-proxy.ts';
import { getOnce, skewOf } from '../../link/get-once.ts';
import type { OutboundProxy } from '../../link/outbound-proxy.ts';
import { openTunnel } from '../../link/tunnel.ts';
import { linkVersions } from '../link-greeting.ts';
import { judgeClock, judgeVersion } from './broker-verdicts.ts';
import { failed, good, type Check, type CheckName, type Verdict } from './check.ts';
import { judgeIdle, type IdleResult } from './idle-times.ts';
import { judgeNames, lookUp, type NameFacts } from './names.ts';
import { measureIdle } from './nat.ts';
import { judgeReach, tryAll } from './reach.ts';
import { apiDoor, linkDoor, lookAt } from './tls-look.ts';
import { judgeTls, type KnownRoot, type TlsVerdict } from './tls-verdict.ts';

export interface PreflightOptions {
  /** "host:port" of the broker. */
  readonly address: string;
  /** Throws `invalid` where what is set cannot be used: a finding like any other. */
  readonly chooseProxy: () => Promise<ChosenProxy>;
  /** The root that the broker must have, where a token or a state says so. */
  readonly known: KnownRoot | undefined;
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absent: idle connections are not measured. */
  readonly natMaxMs?: number | undefined;
  readonly now: () => number;
  readonly onBegin: (check: CheckName) => void;
  readonly onCheck: (check: Check) => void;
  readonly onIdle: (result: IdleResult, left: number) => void;
  /** Default: the system's resolver. */
  readonly lookUp?: (host: string) => Promise<NameFacts>;
}

export async function preflight(options: PreflightOptions): Promise<readonly Check[]> {
  const run = new Preflight(options);
  await run.all();
  return run.checks;
}

class Preflight {
  readonly checks: Check[] = [];
  readonly #options: PreflightOptions;

  constructor(options: PreflightOptions) {
    this.#options = options;
  }

  async all(): Promise<void> {
    const { address, natMaxMs } = this.#options;
    const chosen = await this.#proxy();
    if (chosen === undefined) return;
    const { proxy } = chosen;
    if (!(await this.#reach(proxy)) || (proxy !== undefined && !(await this.#tunnel(proxy)))) return;
    const { known } = this.#options;
    const link = await this.#tls('link', { proxy, known });
    link.socket?.destroy();
    // Both doors are one broker's: where nothing pins its root, one door's is held against the other's.
    const seen = link.verdict.rootFingerprint;
    const itself = seen === undefined ? undefined : { fingerprint: seen, from: 'its door for links' };
    const api = await this.#tls('api', { proxy, known: known ?? itself });
    if (!api.verdict.ok || api.socket === undefined) return void api.socket?.destroy();
    await this.#broker(api.socket, link.verdict.dates ?? api.verdict.dates);
    if (natMaxMs === undefined) return;
    await this.#take('nat', async () => {
      const { onIdle } = this.#options;
      return judgeIdle(await measureIdle({ address, proxy, maxMs: natMaxMs, onResult: onIdle }));
    });
  }

  async #proxy(): Promise<ChosenProxy | undefined> {
    let chosen: ChosenProxy | undefined;
    await this.#take('proxy', async () => {
      chosen = await this.#options.chooseProxy();
      const { proxy, from } = chosen;
      return good(proxy === undefined ? `none: ${from}` : `through "${proxy.name}" (${from})`);
    });
    return chosen;
  }

  /** The broker, or the proxy, which then has to find the broker itself. */
  async #reach(proxy: OutboundProxy | undefined): Promise<boolean> {
    const { address, env, lookUp: ask = lookUp } = this.#options;
    const { host, port } = proxy ?? parseAddress(address);
    let addresses: readonly string[] = [];
    const isNamed = await this.#take('dns', async () => {
      const facts = await ask(host);
      if ('addresses' in facts.resolved) ({ addresses } = facts.resolved);
      return judgeNames(facts);
    });
    if (!isNamed) return false;
    return await this.#take('tcp', async () => {
      const attempts = await tryAll(addresses, port);
      const hasUnusedProxy = proxy === undefined && Boolean(env['HTTP_PROXY'] ?? env['http_proxy']);
      return judgeReach({ place: proxy?.name ?? address, port, attempts, hasUnusedProxy });
    });
  }

  async #tunnel(proxy: OutboundProxy): Promise<boolean> {
    const { address } = this.#options;
    return await this.#take('tunnel', async () => {
      const startedAt = performance.now();
      const socket = await openTunnel({
        proxy,
        target: parseAddress(address),
        timeoutMs: limits.preflightStepMs,
      });
      socket.on('error', () => undefined).destroy();
      const ms = Math.round(performance.now() - startedAt);
      return good(`"${proxy.name}" opened a connection to "${address}" in ${ms} ms`);
    });
  }

  async #tls(
    check: 'link' | 'api',
    { proxy, known }: { readonly proxy: OutboundProxy | undefined; readonly known: KnownRoot | undefined },
  ): Promise<{ readonly verdict: TlsVerdict; readonly socket?: TLSSocket }> {
    const { address, now } = this.#options;
    const door = check === 'link' ? linkDoor : apiDoor;
    let looked: Awaited<ReturnType<typeof lookAt>> | undefined;
    let verdict: TlsVerdict = { ok: false, detail: '' };
    await this.#take(check, async () => {
      looked = await lookAt(door, { address, proxy });
      verdict = judgeTls({ door, shown: looked.shown, address, known, proxy: proxy?.name, now: now() });
      return verdict;
    });
    return { verdict, ...(looked?.socket === undefined ? {} : { socket: looked.socket }) };
  }

  async #broker(socket: TLSSocket, dates: TlsVerdict['dates']): Promise<void> {
    const { address, version } = this.#options;
    let answer: Awaited<ReturnType<typeof getOnce>> | undefined;
    const hasTime = await this.#take('clock', async () => {
      answer = await getOnce(socket, { address, path: '/v1/trust', timeoutMs: limits.preflightStepMs });
      return judgeClock({ skewMs: skewOf(answer), dates });
    });
    if (answer === undefined && !hasTime) return;
    const { text = '', status = 0 } = answer ?? {};
    await this.#take('version', () =>
      Promise.resolve(judgeVersion({ text, status, ownVersion: version, ownWire: linkVersions })),
    );
  }

  /** Makes one check and keeps it; what was thrown in words is its finding. */
  async #take(check: CheckName, look: () => Promise<Verdict>): Promise<boolean> {
    this.#options.onBegin(check);
    let verdict: Verdict;
    try {
      verdict = await look();
    } catch (error) {
      if (!(error instanceof SallyportError)) throw error;
      verdict = failed(error);
    }
    const { ok, detail, next } = verdict;
    const made: Check = { check, ok, detail, ...(next === undefined ? {} : { next }) };
    this.checks.push(made);
    this.#options.onCheck(made);
    return ok;
  }
}
