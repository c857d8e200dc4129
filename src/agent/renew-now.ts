// `agent renew`: one renewal of an agent that does not run, by hand: a device that lay in a drawer is looked at
// before it is put to work, and who suspects that its key was copied finds out at once.

import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import { SallyportError } from '../core/errors.ts';
import type { Environment } from '../link/choose-proxy.ts';
import { systemClock } from '../platform/clock.ts';
import { createLog } from '../platform/log.ts';
import { systemRandom } from '../platform/random.ts';
import { keyId } from '../wire/signed.ts';
import { PinnedKeys } from './break-glass/pinned-keys.ts';
import { claimSocket } from './local-socket.ts';
import { readMachineId, requireMachine } from './machine.ts';
import { findProxy } from './proxy.ts';
import { loadRules, rulesFile } from './owner/load-rules.ts';
import { fixesKeys } from './owner/rules.ts';
import { renewOnce, wayFor } from './renewal.ts';
import { loadJoined, placesOf, StateFile } from './state.ts';

export interface RenewedNow {
  readonly name: string;
  readonly n: number;
  /** Unix ms. */
  readonly notAfter: number;
}

/** Throws SallyportError: the broker's no, or that an agent runs here and renews by itself. */
export async function renewNow(
  dir: string,
  options: { readonly env: Environment; readonly isMoved: boolean },
): Promise<RenewedNow> {
  const { state, key } = await loadJoined(dir);
  await requireMachine(dir, { id: await readMachineId(), isMoved: options.isMoved });
  const socket = await claimSocket(dir, () => {
    throw new SallyportError('unavailable', 'a renewal by hand is under way here', { next: 'try again' });
  });
  try {
    const file = new StateFile(dir, state);
    await renewAnywhere(file, key, options.env);
    const { name, renewal, certificate } = file.current;
    return { name, n: renewal.n, notAfter: new X509Certificate(certificate).validToDate.getTime() };
  } finally {
    await socket.close();
  }
}

/** At the first place that answers; what is prepared once is sent to each. */
async function renewAnywhere(file: StateFile, key: KeyObject, env: Environment): Promise<void> {
  const signer = { kid: keyId(createPublicKey(key)), privateKey: key };
  const rules = await loadRules(rulesFile(file.dir, undefined).path);
  const log = await createLog({ component: 'agent' });
  const keys = await PinnedKeys.open({
    dir: file.dir,
    isFixed: () => fixesKeys(rules),
    log,
  });
  const given = {
    file,
    key,
    signer,
    random: systemRandom,
    signedNow: () => undefined,
    onBreakGlassKeys: async (offered: unknown) => await keys.follow(offered),
  };
  const places = placesOf(file.current);
  for (const [at, address] of places.entries()) {
    const { proxy } = await findProxy(address, { dir: file.dir, env });
    const way = wayFor(file.current.certificate, systemClock.now());
    try {
      return await renewOnce({ ...given, proxy, address: () => address }, way);
    } catch (error) {
      const isAway = error instanceof SallyportError && error.code === 'unavailable';
      if (!isAway || at === places.length - 1) throw error;
    }
  }
}
