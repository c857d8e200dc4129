// Starts and watches the broker's two processes. Either may crash and is started again, without a person;
// a stop ends the gate first, which drains, and then the authority, so that every end is recorded.

import { setTimeout as wait } from 'node:timers/promises';
import { consoleOrigin, enrollLink, formatHostPort, type BrokerConfig } from '../../core/broker-config.ts';
import { isErrorCode, SallyportError } from '../../core/errors.ts';
import { startPart, type ChildMessage, type Part } from '../../platform/child.ts';
import { gateConfinement } from './confinement.ts';

/** Restarts wait 0.2 s, then twice as long each time, up to 5 s; a minute of life forgets the past. */
const restartMinMs = 200;
const restartMaxMs = 5_000;
const stableAfterMs = 60_000;
/** Past the drain time: how long a child may take to end before it is killed. */
const stopGraceMs = 5_000;
export interface SupervisorOptions {
  readonly dataDir: string;
  readonly runDir: string;
  readonly config: BrokerConfig;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #parts = new Map<string, Part>();
  #isStopping = false;
  #failure: SallyportError | undefined;
  #endAll: () => void = () => undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  async run(): Promise<number> {
    const ended = new Promise<void>((done) => {
      this.#endAll = done;
    });
    const stop = (): void => this.#stop();
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    try {
      await this.#keepUp('authority', this.#authorityArgs(), (ready) => announce(this.#options, ready));
      if (!this.#isStopping)
        await this.#keepUp('gate', this.#gateArgs(), (ready) => announceGate(this.#options, ready));
      await ended;
    } finally {
      process.off('SIGTERM', stop);
      process.off('SIGINT', stop);
    }
    if (this.#failure !== undefined) throw this.#failure;
    return 0;
  }

  #authorityArgs(): readonly string[] {
    const { dataDir, runDir, config } = this.#options;
    return [
      'broker',
      'authority',
      '--data',
      dataDir,
      '--run-dir',
      runDir,
      '--config',
      JSON.stringify(config),
    ];
  }

  #gateArgs(): readonly string[] {
    const { runDir, config } = this.#options;
    return ['broker', 'gate', '--run-dir', runDir, '--config', JSON.stringify(config)];
  }

  #launch(name: string, args: readonly string[]): Part {
    return startPart(args, name === 'gate' ? gateConfinement(process.argv[1] ?? '') : []);
  }

  /** Resolves when the part is ready for the first time; then keeps it running in the background. */
  async #keepUp(
    name: string,
    args: readonly string[],
    onReady: (ready: NonNullable<ChildMessage['ready']>) => void,
  ): Promise<void> {
    const first = await this.#start(name, args);
    if (first === undefined) return;
    onReady(first);
    void this.#watch(name, args);
  }

  async #start(name: string, args: readonly string[]): Promise<ChildMessage['ready']> {
    const part = this.#launch(name, args);
    this.#parts.set(name, part);
    const message = await part.started;
    if (message?.ready !== undefined) return message.ready;
    await part.exited;
    this.#parts.delete(name);
    if (this.#isStopping) return undefined;
    const {
      code,
      message: words,
      next,
    } = message?.fault ?? {
      code: 'internal',
      message: `the ${name} process ended before it was ready`,
      next: 'the lines above may say more; SALLYPORT_DEBUG=1 does',
    };
    this.#fail(
      new SallyportError(isErrorCode(code) ? code : 'internal', words, next === undefined ? {} : { next }),
    );
    return undefined;
  }

  async #watch(name: string, args: readonly string[]): Promise<void> {
    let delayMs = restartMinMs;
    let startedAt = performance.now();
    for (;;) {
      const part = this.#parts.get(name);
      if (part === undefined) return;
      const { code, signal } = await part.exited;
      this.#parts.delete(name);
      if (this.#isStopping) return this.#endIfDone();
      if (performance.now() - startedAt > stableAfterMs) delayMs = restartMinMs;
      say(`the ${name} process ended (${signal ?? `exit ${code ?? '?'}`}); starting it again`);
      await wait(delayMs);
      if (this.#isStopping) return this.#endIfDone();
      delayMs = Math.min(delayMs * 2, restartMaxMs);
      startedAt = performance.now();
      const next = this.#launch(name, args);
      this.#parts.set(name, next);
      const message = await next.started;
      if (message?.fault !== undefined) say(`the ${name} process cannot start: ${message.fault.message}`);
    }
  }

  #fail(error: SallyportError): void {
    this.#failure ??= error;
    this.#stop();
  }

  /** First the gate, which drains; the authority stays until it is gone, so that ends are recorded. */
  #stop(): void {
    if (this.#isStopping) {
      for (const part of this.#parts.values()) part.process.kill('SIGKILL');
      return;
    }
    this.#isStopping = true;
    void this.#stopInOrder();
  }

  async #stopInOrder(): Promise<void> {
    for (const name of ['gate', 'authority']) {
      const part = this.#parts.get(name);
      if (part === undefined) continue;
      part.process.kill('SIGTERM');
      const graceMs = stopGraceMs + (name === 'gate' ? this.#options.config.drainMs : 0);
      const timer = new AbortController();
      const isLate = wait(graceMs, true, { signal: timer.signal }).catch(() => false);
      if (await Promise.race([part.exited.then(() => false), isLate])) part.process.kill('SIGKILL');
      timer.abort();
      await part.exited;
      this.#parts.delete(name);
    }
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#parts.size === 0) this.#endAll();
  }
}

function say(text: string): void {
  process.stderr.write(`sallyport: ${text}\n`);
}

function announce(options: SupervisorOptions, ready: NonNullable<ChildMessage['ready']>): void {
  process.stdout.write(`sallyport broker "${options.config.name}", data in ${options.dataDir}\n`);
  process.stdout.write(`root fingerprint ${String(ready['rootFingerprint'])}\n`);
  const invite = ready['invite'];
  const { console } = options.config;
  if (invite === undefined) return;
  process.stdout.write(
    [
      '',
      'first administrator: on your own machine run, within the hour,',
      '',
      `  sallyport login ${options.config.address} --invite ${String(invite)}`,
      '',
      // Under the console's own root a browser would refuse the link: `sallyport trust` needs a sign-in first.
      ...(console?.files === undefined
        ? []
        : [
            'or, for a passkey, open in a browser:',
            '',
            `  ${enrollLink(consoleOrigin(console), String(invite))}`,
            '',
          ]),
      '',
    ].join('\n'),
  );
}

function announceGate(options: SupervisorOptions, ready: NonNullable<ChildMessage['ready']>): void {
  const port = Number(ready['port']);
  process.stdout.write(`listening on ${formatHostPort({ host: options.config.listen.host, port })}\n`);
}
