// sallyport doctor: each thing that a session needs, checked by itself, so that the first one that fails
// is the one to mend.

import { formatDuration } from '../../core/duration.ts';
import { exitStatus, SallyportError } from '../../core/errors.ts';
import { FileFault } from '../../platform/file-fault.ts';
import { measureSkew } from '../clock-skew.ts';
import { call } from '../api.ts';
import type { CommonOptions } from '../catalogue/spec.ts';
import { localTimeAndDistance } from '../moment.ts';
import { printFinding } from '../finding.ts';
import { printJson } from '../output.ts';
import { chosenBroker, homePath, loadSignIn, readSignIn, type SignIn } from '../profile.ts';
import { chosenProxy, isProxySet } from '../proxy.ts';
import { ownVersion, wireVersion } from './version.ts';

interface Check {
  readonly check: string;
  readonly state: 'ok' | 'warning' | 'failed';
  readonly says: string;
  readonly next?: string | undefined;
}

/** Certificates are backdated by a minute, and a pass starts within one. */
const skewWarningMs = 30_000;
const doctorTimeoutMs = 5_000;

export async function run(options: CommonOptions): Promise<number> {
  const now = Date.now();
  const checks: Check[] = [
    { check: 'version', state: 'ok', says: `sallyport ${ownVersion()}, node ${process.versions.node}` },
  ];
  const me = await attempt(
    checks,
    'sign-in',
    () => Promise.resolve(loadSignIn(options, now)),
    (found) => ({
      state: 'ok',
      says: `"${found.name}" at "${found.broker}" until ${localTimeAndDistance(new Date(found.notAfter).toISOString(), now) ?? ''}, in "${homePath()}"`,
    }),
  );
  // A clock that is a day ahead makes every sign-in look over: that is still worth finding out.
  const stored = me ?? storedSignIn(options);
  if (stored !== undefined) await checkProxy(checks, stored);
  if (stored !== undefined) await checkClock(checks, stored);
  if (me !== undefined) await checkBroker(checks, me);
  if (options.json === true) printJson(checks);
  else for (const check of checks) printFinding({ ...check, name: check.check });
  return checks.some(({ state }) => state === 'failed') ? exitStatus.failed : exitStatus.done;
}

function storedSignIn(options: CommonOptions): SignIn | undefined {
  try {
    const broker = chosenBroker(options.broker);
    return broker === undefined ? undefined : readSignIn(broker);
  } catch (error) {
    // Said already by the check of the sign-in itself.
    if (error instanceof SallyportError || error instanceof FileFault) return undefined;
    throw error;
  }
}

/** Said where one is set, or set and not used: what fails behind a proxy is often its doing. */
async function checkProxy(checks: Check[], me: SignIn): Promise<void> {
  if (!isProxySet()) return;
  await attempt(
    checks,
    'proxy',
    () => chosenProxy(me.broker),
    ({ proxy, from }) => ({
      state: 'ok',
      says: proxy === undefined ? `none for "${me.broker}": ${from}` : `through "${proxy.name}" (${from})`,
    }),
  );
}

async function checkClock(checks: Check[], me: SignIn): Promise<void> {
  await attempt(
    checks,
    'clock',
    () => measureSkew(me, doctorTimeoutMs),
    (skewMs) => ({
      state: Math.abs(skewMs) > skewWarningMs ? 'warning' : 'ok',
      says:
        Math.abs(skewMs) < 1_000
          ? 'agrees with the broker'
          : `${formatDuration(Math.abs(skewMs))} ${skewMs > 0 ? 'ahead of' : 'behind'} the broker`,
      ...(Math.abs(skewMs) > skewWarningMs ? { next: 'set the clock here, or the broker’s' } : {}),
    }),
  );
}

async function checkBroker(checks: Check[], me: SignIn): Promise<void> {
  const quickly = { timeoutMs: doctorTimeoutMs };
  await attempt(
    checks,
    'broker',
    () => call(me, 'GET /v1/trust', {}, quickly),
    (trust) => {
      const speaks = trust.wireVersions.includes(wireVersion);
      return {
        state: speaks ? 'ok' : 'failed',
        says: `"${trust.broker}" runs ${trust.version} and speaks wire ${trust.wireVersions.join(', ')}`,
        ...(speaks ? {} : { next: `this one speaks wire ${wireVersion}: bring both to versions that meet` }),
      };
    },
  );
  await attempt(
    checks,
    'identity',
    () => call(me, 'GET /v1/whoami', {}, quickly),
    (who) => ({
      state: 'ok',
      says: `known as "${who.name}" (${who.roles.join(', ') || 'no roles'})`,
    }),
  );
}

async function attempt<T>(
  checks: Check[],
  check: string,
  ask: () => Promise<T>,
  judge: (value: T) => Omit<Check, 'check'>,
): Promise<T | undefined> {
  try {
    const value = await ask();
    checks.push({ check, ...judge(value) });
    return value;
  } catch (error) {
    if (!(error instanceof SallyportError) && !(error instanceof FileFault)) throw error;
    checks.push({ check, state: 'failed', says: error.message, next: error.next });
    return undefined;
  }
}
