// The console's certificate from an authority that browsers trust: the one that is held, and its renewal in the
// background when a third of its life is left. An order that fails is on the log and tried again, ever later; what is
// held is shown as long as it lasts.

import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { AcmeConfig, ConsoleConfig } from '../../core/broker-config.ts';
import type { EventDraft } from '../../core/event.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { generateP256, loadPrivateKey, privatePem, storePrivateKey } from '../../platform/keys.ts';
import { iso } from '../admin/time-text.ts';
import type { AuthorityContext } from '../context.ts';
import type { ConsoleIdentity } from '../pki/console-identity.ts';
import { KeyFiles, pemBlocks, type KeyedCertificates } from '../pki/key-files.ts';
import { orderCertificate } from './order.ts';

export interface KeepOptions {
  readonly config: ConsoleConfig & { readonly acme: AcmeConfig };
  /** Of the keys. */
  readonly dir: string;
  /** Of the sockets between gate and authority. */
  readonly runDir: string;
  readonly socketMode: number;
  readonly onNew: (identity: ConsoleIdentity) => void;
}

/** `isDue`: it is time for the next one. */
type Held = ConsoleIdentity & { readonly isDue: boolean };

const accountFile = 'acme-account.key';
const identityFile = 'console-acme.pem';

export class AcmeKeeper {
  readonly #ctx: AuthorityContext;
  readonly #options: KeepOptions;
  readonly #files: KeyFiles;
  #ordering: Promise<void> | undefined;
  #failures = 0;
  /** Boot clock, ms. */
  #notBefore = -Infinity;
  #cancel: () => void = () => undefined;

  constructor(ctx: AuthorityContext, options: KeepOptions) {
    this.#ctx = ctx;
    this.#options = options;
    this.#files = new KeyFiles(options.dir);
  }

  /** Undefined: none, or of another name, or over. */
  async held(): Promise<Held | undefined> {
    const kept = await this.#files.readIdentity(identityFile);
    return kept === undefined ? undefined : this.#identityOf(kept);
  }

  #identityOf(kept: KeyedCertificates): Held | undefined {
    const { privateKey, certificates } = kept;
    const [leafPem] = certificates;
    if (leafPem === undefined) return undefined;
    const leaf = new X509Certificate(leafPem);
    const notAfter = leaf.validToDate.getTime();
    const left = notAfter - this.#ctx.clock.now();
    if (left <= 0 || leaf.checkHost(this.#options.config.host) === undefined) return undefined;
    const life = notAfter - leaf.validFromDate.getTime();
    return { key: privatePem(privateKey), cert: certificates.join(''), notAfter, isDue: left < life / 3 };
  }

  /** In the background; looks by itself again where it failed. */
  renewIfDue(): void {
    if (this.#ordering !== undefined || this.#ctx.clock.bootMs() < this.#notBefore) return;
    this.#ordering = this.#renew()
      .catch((error: unknown) =>
        this.#ctx.log.error({ err: error }, 'could not look after the console’s certificate'),
      )
      .finally(() => {
        this.#ordering = undefined;
      });
  }

  /** An order under way may end by itself for a moment; what it would have given is asked for at the next start. */
  async stop(): Promise<void> {
    this.#notBefore = Infinity;
    this.#cancel();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#ctx.clock.setTimer(limits.acmeStopMs, resolve);
    await Promise.race([promise, this.#ordering]);
    timer.cancel();
  }

  async #renew(): Promise<void> {
    const held = await this.held();
    if (held?.isDue === false) return;
    await this.#untilGate();
    if (this.#notBefore === Infinity) return;
    const { config, runDir, socketMode, onNew } = this.#options;
    let made: Held | undefined;
    try {
      const { privateKey, chain } = await orderCertificate({
        config: config.acme,
        host: config.host,
        accountKey: await this.#accountKey(),
        clock: this.#ctx.clock,
        socketPath: join(runDir, 'acme.sock'),
        socketMode,
      });
      const given = { privateKey, certificates: pemBlocks(chain, 'CERTIFICATE') };
      made = this.#identityOf(given);
      // What is of no use does not take the place of what is held.
      if (made === undefined) throw new Error('what it sent is no certificate for this name');
      await this.#files.writeIdentity(identityFile, given);
    } catch (error) {
      await this.#failed(error instanceof Error ? error.message : String(error));
      return;
    }
    this.#failures = 0;
    onNew(made);
    await this.#note('success', { notAfter: iso(made.notAfter) });
  }

  /** A failed look counts at the authority: it is asked for none before somebody can answer on the one port. */
  async #untilGate(): Promise<void> {
    const wait = async (): Promise<void> =>
      await new Promise(
        (resolve) => void this.#ctx.clock.setTimer(limits.acmeGateWaitMs, resolve, { ref: false }),
      );
    while (this.#ctx.gates.gates().length === 0 && this.#notBefore !== Infinity) await wait();
    // It opens its port once it is registered.
    await wait();
  }

  async #failed(why: string): Promise<void> {
    const waitMs = Math.min(limits.acmeRetryMs * 2 ** this.#failures, limits.acmeRetryMaxMs);
    this.#failures += 1;
    const { clock } = this.#ctx;
    if (this.#notBefore !== Infinity) {
      this.#notBefore = clock.bootMs() + waitMs;
      const timer = clock.setTimer(waitMs, () => this.renewIfDue(), { ref: false });
      this.#cancel = () => timer.cancel();
    }
    const told = printable(why, 500);
    this.#ctx.log.warn(
      { why: told, waitMs },
      'no certificate for the console was given; it is asked for again',
    );
    await this.#note('failure', { why: told, againAfterMs: waitMs });
  }

  async #note(outcome: 'success' | 'failure', body: EventDraft['body']): Promise<void> {
    const { acme, host } = this.#options.config;
    await this.#ctx.store.commit({
      changes: [],
      events: [
        {
          type: 'console.certificate',
          actor: { kind: 'system', id: 'authority' },
          outcome,
          body: { host, directory: acme.directory, ...body },
        },
      ],
    });
  }

  async #accountKey(): Promise<string> {
    const path = this.#files.path(accountFile);
    const kept = await loadPrivateKey(path);
    if (kept !== undefined) return privatePem(kept);
    const { privateKey } = generateP256();
    await storePrivateKey(path, privateKey);
    return privatePem(privateKey);
  }
}
