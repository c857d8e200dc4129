// The authority's own TLS identity and the console's, its issuing CA and keyset, renewed in time while it runs.

import type { ConsoleConfig } from '../core/broker-config.ts';
import type { AcmeKeeper } from './acme/keep-certificate.ts';
import type { AuthorityContext } from './context.ts';
import { consoleIdentity, type ConsoleIdentity } from './pki/console-identity.ts';
import { renewServerIdentity, type ServerIdentity } from './pki/server-identity.ts';

export interface KeyRoutine {
  readonly dir: string;
  readonly names: { readonly dnsNames: readonly string[]; readonly ipAddresses: readonly string[] };
  /** Renews CA and keyset where due; changes nothing otherwise. */
  readonly renewKeys: () => Promise<void>;
  readonly onIdentity: (identity: ServerIdentity) => void;
  readonly console?: ConsoleConfig;
  readonly onConsoleIdentity: (identity: ConsoleIdentity) => void;
  /** Where an authority is asked for the console's certificate. */
  readonly acme?: AcmeKeeper;
}

/** A timer holds at most 2^31 ms, and a clock that jumped is noticed within the hour. */
const lookEveryMs = 60 * 60_000;

export interface KeyWatch {
  /** After the keys were changed: its own identity follows at once. */
  refresh(): Promise<void>;
  stop(): void;
}

/** Hands over the first identity before it resolves. */
export async function keepKeysFresh(ctx: AuthorityContext, routine: KeyRoutine): Promise<KeyWatch> {
  let current = await identity(ctx, routine);
  routine.onIdentity(current);
  await followConsole();
  let timer = ctx.clock.setTimer(lookEveryMs, look);

  function look(): void {
    renew().catch((error: unknown) =>
      ctx.log.error({ err: error }, 'could not renew the keys of the authority'),
    );
    timer = ctx.clock.setTimer(lookEveryMs, look);
  }
  async function renew(): Promise<void> {
    await routine.renewKeys();
    for (const warning of ctx.pki.warnings) ctx.log.warn({}, warning);
    if (ctx.clock.now() >= current.renewAt) await follow();
    await followConsole();
  }
  /** Each time: whoever renews the files does not tell us. */
  async function followConsole(): Promise<void> {
    const { console: config, dir, acme } = routine;
    if (config === undefined) return;
    // Until one is given the console shows its own root's: people come in that way meanwhile.
    const held = await acme?.held();
    routine.onConsoleIdentity(held ?? (await consoleIdentity({ ...ctx, config, dir })));
    acme?.renewIfDue();
  }
  async function follow(): Promise<void> {
    current = await identity(ctx, routine);
    routine.onIdentity(current);
  }
  return {
    async refresh() {
      await routine.renewKeys();
      await follow();
    },
    stop: () => timer.cancel(),
  };
}

async function identity(ctx: AuthorityContext, routine: KeyRoutine): Promise<ServerIdentity> {
  return await renewServerIdentity({
    authorities: ctx.pki,
    dir: routine.dir,
    clock: ctx.clock,
    random: ctx.random,
    // Not the broker's name: that may be an address, or have dots, and may change.
    id: 'authority-1',
    ...routine.names,
  });
}
