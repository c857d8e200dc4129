// sallyport agent preflight [ADDRESS]: what stands between this machine and a broker, before it joins or after.

import { resolve } from 'node:path';
import { preflight } from '../../../agent/preflight/preflight.ts';
import type { Check } from '../../../agent/preflight/check.ts';
import type { IdleResult } from '../../../agent/preflight/idle-times.ts';
import type { KnownRoot } from '../../../agent/preflight/tls-verdict.ts';
import { findProxy, givenProxy, refuseBoth } from '../../../agent/proxy.ts';
import { defaultStateDir, loadState, type AgentState } from '../../../agent/state.ts';
import { formatDuration, parseDuration } from '../../../core/duration.ts';
import { exitStatus, SallyportError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import { printable } from '../../../core/printable.ts';
import { parseToken } from '../../../core/token.ts';
import { parseAddress } from '../../../link/address.ts';
import { chooseProxy } from '../../../link/choose-proxy.ts';
import { rootFingerprint } from '../../../wire/roots.ts';
import { X509Certificate } from 'node:crypto';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { printFinding } from '../../finding.ts';
import { printJson } from '../../output.ts';
import { ownVersion } from '../version.ts';

export interface PreflightCommandOptions extends CommonOptions {
  readonly address?: string;
  readonly token?: string;
  readonly state?: string;
  readonly proxy?: string;
  readonly noProxy?: boolean;
  readonly nat?: boolean;
  readonly natMax?: string;
}

export async function run(options: PreflightCommandOptions): Promise<number> {
  refuseBoth(options);
  const natMaxMs = natTime(options);
  const joined = await joinedState(options);
  const address = addressOf(options, joined?.state);
  const known = knownRoot(options.token, joined);
  const checks = await preflight({
    address,
    known,
    chooseProxy: () => proxyFor(address, { options, dir: joined?.dir }),
    version: ownVersion(),
    env: process.env,
    natMaxMs,
    now: () => Date.now(),
    ...(options.json === true ? quiet : progress()),
  });
  if (options.json === true) printJson(checks);
  return checks.every(({ ok }) => ok) ? exitStatus.done : exitStatus.failed;
}

interface Joined {
  readonly dir: string;
  readonly state: AgentState;
}

/** The device that this machine is already, where it is the one that is meant. */
async function joinedState(options: PreflightCommandOptions): Promise<Joined | undefined> {
  const dir = options.state === undefined ? defaultStateDir() : resolve(options.state);
  const state = await loadState(dir);
  if (state === undefined) return undefined;
  const isMeant =
    options.state !== undefined ||
    options.address === undefined ||
    isSame(parseAddress(options.address), parseAddress(state.address));
  return isMeant ? { dir, state } : undefined;
}

function isSame(one: ReturnType<typeof parseAddress>, two: ReturnType<typeof parseAddress>): boolean {
  return one.host.toLowerCase() === two.host.toLowerCase() && one.port === two.port;
}

function addressOf(options: PreflightCommandOptions, state: AgentState | undefined): string {
  const address = options.address ?? state?.address;
  if (address === undefined) {
    throw new SallyportError('invalid', 'ADDRESS is missing, and no device has joined from here', {
      next: 'write the address of the broker: sallyport agent preflight gate.example.com:7443',
    });
  }
  const { host, port } = parseAddress(address);
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function knownRoot(token: string | undefined, joined: Joined | undefined): KnownRoot | undefined {
  if (token !== undefined) {
    const fingerprint = parseToken(token)?.rootFingerprint;
    if (fingerprint !== undefined) return { fingerprint, from: 'the token' };
    throw new SallyportError('invalid', 'this is not a token, or a part of it is missing', {
      next: 'paste the whole line that "sallyport devices invite" printed',
    });
  }
  if (joined === undefined) return undefined;
  const root = new X509Certificate(joined.state.root);
  return { fingerprint: rootFingerprint(root), from: `"${printable(joined.dir)}"` };
}

async function proxyFor(
  address: string,
  { options, dir }: { readonly options: PreflightCommandOptions; readonly dir: string | undefined },
) {
  if (dir !== undefined) return await findProxy(address, { dir, flags: options, env: process.env });
  return chooseProxy(parseAddress(address), { given: givenProxy(options), env: process.env });
}

function natTime({ nat, natMax }: PreflightCommandOptions): number | undefined {
  if (natMax === undefined) return nat === true ? limits.natIdleDefaultMs : undefined;
  const ms = parseDuration(natMax);
  if (ms !== undefined && ms <= limits.idleProbeMaxMs) return ms;
  throw new SallyportError(
    'invalid',
    `"${printable(natMax, 20)}" is not a time up to ${formatDuration(limits.idleProbeMaxMs)}`,
    {
      next: 'write --nat-max 5m',
    },
  );
}

const quiet = { onBegin: () => undefined, onCheck: () => undefined, onIdle: () => undefined };

/** On a terminal one passing line says what is being waited for; the findings are lines in any case. */
function progress() {
  const isShown = process.stderr.isTTY;
  const passing = (text: string): void => {
    if (isShown) process.stderr.write(`\r\u001b[K${text}`);
  };
  return {
    onBegin: (check: string) => passing(`looking at ${check} …`),
    onIdle: ({ forMs, hasSurvived }: IdleResult, left: number) =>
      passing(
        `nat: ${formatDuration(forMs)} ${hasSurvived ? 'survived' : 'lost'}, ${left} longer to wait for …`,
      ),
    onCheck: ({ check, ok, detail, next }: Check) => {
      passing('');
      const state = !ok ? 'failed' : next === undefined ? 'ok' : 'warning';
      printFinding({ state, name: check, says: detail, next });
    },
  };
}
