// Renewal of the device certificate in two phases (docs/protocol.md, "Renewal"): the whole next request,
// and the secret it promises, are on the disk before anything is sent, and a request once made is repeated
// byte for byte until it is answered. So a power cut at any moment never looks like a second copy of the
// key. A new certificate is used from the next dial on; the live link stays. A certificate that has ended is
// no end: the same request goes to another door then ("Recovery").

import { X509Certificate, type KeyObject } from 'node:crypto';
import { SallyportError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { apiRequest, type ApiAnswer, type ApiRequest } from '../link/api-client.ts';
import type { OutboundProxy } from '../link/outbound-proxy.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import { createCsr } from '../platform/csr.ts';
import { privatePem } from '../platform/keys.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import { text, whole, type Fields } from '../wire/fields.ts';
import { openKeyset } from '../wire/keyset.ts';
import { sha256, signStatement, type Signer } from '../wire/signed.ts';
import { isOwnCertificate } from './join.ts';
import type { AgentState, StateFile } from './state.ts';

export interface OneRenewal {
  readonly file: StateFile;
  readonly key: KeyObject;
  readonly proxy?: OutboundProxy | undefined;
  /** Of the broker; default: as it was joined. */
  readonly address?: () => string;
  readonly signer: Signer;
  readonly random: Random;
  /** Signed time, where it is known. */
  readonly signedNow: () => number | undefined;
  /** Given the broker's offline keys, as they came, where it says any. */
  readonly onBreakGlassKeys?: (offered: unknown) => Promise<void>;
  /** Default: apiRequest. */
  readonly request?: (request: ApiRequest) => Promise<ApiAnswer>;
}

export interface RenewalOptions extends OneRenewal {
  readonly clock: Clock;
  readonly log: Log;
  /** Unix ms: signed time where it is known, else the wall clock. */
  readonly now: () => number;
}

const secretBytes = 32;
/** Renewals of a fleet that joined at once spread over this part of a certificate's life. */
const jitterPart = 0.1;

/** When a certificate is to be renewed: at a third of its life, and a little jitter (Unix ms). */
export function renewAt(certificate: string, fraction: number): number {
  const leaf = new X509Certificate(certificate);
  const from = leaf.validFromDate.getTime();
  const life = leaf.validToDate.getTime() - from;
  return from + life / 3 + life * jitterPart * (fraction - 0.5);
}

/** With the certificate; or, where that has ended, by proof of the key alone. */
export type RenewalWay = 'renew' | 'recover';

/** `now`: Unix ms. */
export function wayFor(certificate: string, now: number): RenewalWay {
  return now > new X509Certificate(certificate).validToDate.getTime() ? 'recover' : 'renew';
}

/** One renewal, or the repetition of one that was never answered. */
export async function renewOnce(options: OneRenewal, way: RenewalWay = 'renew'): Promise<void> {
  const { file, key, proxy } = options;
  if (file.current.renewal.pending === undefined) await prepare(options);
  const { pending, n } = file.current.renewal;
  if (pending === undefined) throw new Error('a prepared renewal is on the disk');
  const state = file.current;
  const { body } = await (options.request ?? apiRequest)({
    address: options.address?.() ?? state.address,
    proxy,
    root: state.root,
    trustDomain: state.trustDomain,
    ...(way === 'renew' ? { key: privatePem(key), cert: state.certificate } : {}),
    method: 'POST',
    path: `/v1/device/credentials/${way}`,
    body: { request: pending.request },
    trueTime: options.signedNow,
  });
  const answer = readRenewed(body, state, { key, n: n + 1 });
  if (answer.breakGlass !== undefined) await options.onBreakGlassKeys?.(answer.breakGlass);
  await file.update((current) => ({
    ...current,
    certificate: answer.certificate,
    ...(answer.keysetVersion >= current.keysetVersion
      ? { keyset: answer.keyset, keysetVersion: answer.keysetVersion, root: answer.root }
      : {}),
    renewal: {
      n: answer.n,
      secret: pending.nextSecret,
      ...(answer.proof === undefined ? {} : { proof: answer.proof }),
    },
  }));
}

async function prepare({ file, key, signer, random }: OneRenewal): Promise<void> {
  const { renewal, deviceId } = file.current;
  const nextSecret = Buffer.from(random.bytes(secretBytes)).toString('base64url');
  const payload = {
    device: deviceId,
    n: renewal.n,
    secret: renewal.secret,
    nextSecretHash: sha256(nextSecret),
    csr: await createCsr(key),
    ...(renewal.proof === undefined ? {} : { proof: renewal.proof }),
  };
  const request = signStatement('renewal', payload, signer);
  await file.update((state) => ({
    ...state,
    renewal: { ...state.renewal, pending: { request, nextSecret } },
  }));
}

interface Renewal {
  readonly n: number;
  readonly certificate: string;
  readonly keyset: string;
  readonly keysetVersion: number;
  readonly root: string;
  readonly proof: string | undefined;
  readonly breakGlass: unknown;
}

function readRenewed(
  body: unknown,
  state: AgentState,
  expected: { readonly key: KeyObject; readonly n: number },
): Renewal {
  const fields: Fields = typeof body === 'object' && body !== null ? (body as Fields) : {};
  const n = whole(fields, 'n');
  const certificate = text(fields, 'certificate');
  const keyset = text(fields, 'keyset');
  const opened = keyset === undefined ? undefined : openKeyset(keyset, new X509Certificate(state.root));
  if (
    n === expected.n &&
    certificate !== undefined &&
    keyset !== undefined &&
    opened?.keyset.trustDomain === state.trustDomain &&
    isOwnCertificate({ ...state, certificate }, expected.key)
  ) {
    return {
      n,
      certificate,
      keyset,
      keysetVersion: opened.keyset.version,
      root: opened.root.toString(),
      proof: text(fields, 'proof'),
      breakGlass: fields['breakGlass'],
    };
  }
  throw new SallyportError('unavailable', 'the broker answered a renewal with something that is not one', {
    next: 'check that broker and agent are of the same version',
  });
}

/** Renews for as long as the agent runs. */
export class RenewalLoop {
  readonly #options: RenewalOptions;
  #timer: Timer | undefined;
  #failures = 0;
  /** Where in the jitter this certificate's renewal lies. */
  #fraction: number;
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: RenewalOptions) {
    this.#options = options;
    this.#fraction = options.random.fraction();
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #schedule(): void {
    if (this.#isStopped) return;
    const { clock } = this.#options;
    this.#timer = clock.setTimer(this.#waitMs(), () => {
      this.#running = this.#renew();
    });
  }

  #waitMs(): number {
    if (this.#failures === 0) {
      // The timer's clock stands still in suspend, so a long wait is looked at again now and then.
      return Math.min(Math.max(this.#dueAt() - this.#options.now(), 0), limits.renewalRetryMaxMs);
    }
    const ceiling = limits.renewalRetryMinMs * 2 ** Math.min(this.#failures, 16);
    return Math.min(limits.renewalRetryMaxMs, ceiling) * (0.5 + this.#options.random.fraction() / 2);
  }

  /**
   * The certificate may have ended though the clock here does not say so: after a failure both ways are tried
   * in turn. The request is the same, so that nothing is lost by it.
   */
  #way(): RenewalWay {
    const { file, now } = this.#options;
    return this.#failures % 2 === 1 ? 'recover' : wayFor(file.current.certificate, now());
  }

  /** A request that was never answered is due at once. */
  #dueAt(): number {
    const { certificate, renewal } = this.#options.file.current;
    return renewal.pending === undefined ? renewAt(certificate, this.#fraction) : 0;
  }

  async #renew(): Promise<void> {
    const { file, log, now, random } = this.#options;
    if (now() >= this.#dueAt()) {
      try {
        await renewOnce(this.#options, this.#way());
        this.#failures = 0;
        this.#fraction = random.fraction();
        log.info({ n: file.current.renewal.n }, 'the device certificate was renewed');
      } catch (error) {
        this.#failures += 1;
        const next = error instanceof SallyportError ? error.next : undefined;
        log.warn(
          {
            error: error instanceof Error ? error.message : String(error),
            ...(next === undefined ? {} : { next }),
          },
          'a renewal failed',
        );
      }
    }
    this.#schedule();
  }
}
