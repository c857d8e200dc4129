// One order of a certificate (RFC 8555), by TLS-ALPN-01 on the one port, or by DNS-01 through a command of the owner's.
// Rejects with an Error in words; nothing is kept of an order that fails.

import { execFile } from 'node:child_process';
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { promisify } from 'node:util';
import type { Authorization, CryptoInterface } from 'acme-client';
import type { AcmeConfig } from '../../core/broker-config.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import type { Clock } from '../../platform/clock.ts';
import { generateP256, privatePem } from '../../platform/keys.ts';
import { openAlpnDoor } from './alpn-door.ts';

export interface Order {
  readonly config: AcmeConfig;
  readonly host: string;
  /** PEM. */
  readonly accountKey: string;
  readonly clock: Clock;
  /** Where the gate brings whoever looks at the challenge. */
  readonly socketPath: string;
  readonly socketMode: number;
}

export interface Ordered {
  readonly privateKey: KeyObject;
  /** PEM, leaf first. */
  readonly chain: string;
}

interface Responder {
  readonly type: 'tls-alpn-01' | 'dns-01';
  present(authorization: Authorization, keyAuthorization: string): Promise<void>;
  remove(authorization: Authorization, keyAuthorization: string): Promise<void>;
}

const run = promisify(execFile);

export async function orderCertificate(order: Order): Promise<Ordered> {
  const { config, host } = order;
  // Loaded where it is used: most brokers never are.
  const { Client, crypto, axios } = await import('acme-client');
  axios.defaults.timeout = limits.acmeTimeoutMs;
  if (config.caFile !== undefined) {
    axios.defaults.httpsAgent = new Agent({ ca: await readFile(config.caFile, 'utf8') });
  }
  const { privateKey } = generateP256();
  const [, csr] = await crypto.createCsr({ commonName: host, altNames: [host] }, privatePem(privateKey));
  const client = new Client({ directoryUrl: config.directory, accountKey: order.accountKey });
  const responder = config.hook === undefined ? byAlpn(order, crypto) : byHook(config.hook);
  const { contact } = config;
  const chain = await client.auto({
    csr,
    termsOfServiceAgreed: true,
    ...(contact === undefined ? {} : { email: contact }),
    challengePriority: [responder.type],
    // It would look from here: behind NAT that says nothing of how the authority sees us.
    skipChallengeVerification: true,
    challengeCreateFn: async (authorization, challenge, keyAuthorization) => {
      if (challenge.type !== responder.type) throw new Error(`it offers no ${responder.type}`);
      await responder.present(authorization, keyAuthorization);
    },
    challengeRemoveFn: async (authorization, _challenge, keyAuthorization) =>
      await responder.remove(authorization, keyAuthorization),
  });
  return { privateKey, chain };
}

function byAlpn({ clock, socketPath, socketMode }: Order, crypto: CryptoInterface): Responder {
  let door: Awaited<ReturnType<typeof openAlpnDoor>> | undefined;
  return {
    type: 'tls-alpn-01',
    async present(authorization, keyAuthorization) {
      const own = privatePem(generateP256().privateKey);
      const [key, cert] = await crypto.createAlpnCertificate(authorization, keyAuthorization, own);
      door = await openAlpnDoor(socketPath, { key, cert, clock, socketMode });
    },
    async remove() {
      await door?.close();
    },
  };
}

/** `HOOK present|cleanup NAME VALUE`; what it says on its error output is told where it fails. */
function byHook(hook: string): Responder {
  const call = async (what: string, { identifier }: Authorization, value: string): Promise<void> => {
    const words = [what, `_acme-challenge.${identifier.value}`, value];
    try {
      await run(hook, words, { timeout: limits.acmeHookMaxMs });
    } catch (error) {
      const { stderr = '' } = error as { readonly stderr?: string };
      const told = stderr.trim() === '' && error instanceof Error ? error.message : stderr.trim();
      throw new Error(`"${hook} ${what}" failed: ${printable(told, 300)}`, { cause: error });
    }
  };
  return {
    type: 'dns-01',
    present: async (authorization, value) => await call('present', authorization, value),
    remove: async (authorization, value) => await call('cleanup', authorization, value),
  };
}
