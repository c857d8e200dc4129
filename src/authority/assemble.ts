// Wires the authority: keys, store, policy, sessions, the gate's door and the api. Opens in the order in
// which things depend on each other, closes in reverse. Nothing else in this folder makes its own parts.

import { isIP } from 'node:net';
import { join } from 'node:path';
import { consoleOrigin, type BrokerConfig, type ConsoleConfig } from '../core/broker-config.ts';
import { SallyportError } from '../core/errors.ts';
import type { EventDraft } from '../core/event.ts';
import type { Clock } from '../platform/clock.ts';
import { ensurePrivateDir } from '../platform/files.ts';
import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import { AcmeKeeper, type KeepOptions } from './acme/keep-certificate.ts';
import { listenApi } from './api/listen.ts';
import { buildApi } from './api/server.ts';
import { ConsolePages } from './console/pages.ts';
import type { AuthorityContext } from './context.ts';
import { createFirstInvite } from './enroll/first-invite.ts';
import { serveControl } from './gates/control-server.ts';
import { GateBook } from './gates/gate-book.ts';
import { keepKeysFresh } from './keep-keys-fresh.ts';
import { openLocalDoor } from './local-door.ts';
import { localOrders } from './local-orders.ts';
import { loadOrCreateAuthorityKeys, rotateKeys, type Authorities } from './pki/authority-keys.ts';
import type { ConsoleIdentity } from './pki/console-identity.ts';
import { loadPolicies, loadTenantPolicies } from './policy-files.ts';
import { PolicyBook } from './policy/policy-book.ts';
import { startLeases } from './sessions/leases.ts';
import { LiveSessions } from './sessions/live-sessions.ts';
import { LockBook } from './sessions/lock-book.ts';
import { breakGlassSweep } from './break-glass/uses.ts';
import { startSweep } from './sweep.ts';
import { assertionSweep } from './workload/forget-assertions.ts';
import { readTicketSources } from './tickets/sources.ts';
import { readProviders } from './providers/config.ts';
import { readNoticeConfig } from './notices/config.ts';
import { Notifier } from './notices/notifier.ts';
import { StepUps } from './passkeys/step-ups.ts';
import { defaultTenant } from '../core/tenant.ts';
import { inTenant } from './tenants/in-tenant.ts';
import { limits } from '../core/limits.ts';
import { LastYes } from './passkeys/last-yes.ts';
import { OwnTries } from './api/own-tries.ts';
import { requireTenants } from './tenants/require-tenants.ts';
import { TicketLookUps } from './tickets/look-up.ts';
import { ticketSweep } from './tickets/forget-tickets.ts';
import { TicketBook } from './tickets/ticket-book.ts';
import { WindowBook } from './windows/window-book.ts';
import { requestSweep } from './requests/request-watch.ts';
import { receiptSweep } from './sessions/missing-receipts.ts';
import { endOnExpiry, restoreSessions } from './sessions/restore-sessions.ts';
import { readStateEpoch } from './settings.ts';
import { openSqliteStore } from './store/sqlite-store.ts';
import { StoreUnavailable } from './store/store.ts';

export interface AuthorityOptions {
  readonly dataDir: string;
  /** Of the unix sockets that the gate uses: control.sock, api.sock, api-mtls.sock, web.sock. */
  readonly runDir: string;
  /** The gate is another user, of the group that `runDir` gives its files; default: this same user. */
  readonly isGateApart?: boolean;
  /** Of local.sock, always this user's alone; default `runDir`. */
  readonly localDir?: string;
  readonly config: BrokerConfig;
  /** Where the console's files were built. */
  readonly consoleDir?: string;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface RunningAuthority {
  readonly rootFingerprint: string;
  /** The one-time invite of the first administrator, as long as there is none. */
  readonly invite?: string;
  /** Gentle: the api stops, the store is written and closed. Idempotent. */
  close(): Promise<void>;
}

/** Throws SallyportError or FileFault, in words, when it cannot start. */
export async function startAuthority(options: AuthorityOptions): Promise<RunningAuthority> {
  const { clock, random, log, config } = options;
  const closers: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (let step = closers.pop(); step !== undefined; step = closers.pop()) await step();
  };
  try {
    const dir = join(options.dataDir, 'authority');
    await ensurePrivateDir(dir);
    const keyOptions = {
      dir: join(dir, 'keys'),
      clock,
      random,
      trustDomain: config.trustDomain,
      env: config.env,
    };
    let consoleRoot: string | undefined;
    let pki: Authorities = await loadOrCreateAuthorityKeys(keyOptions);

    const store = await openSqliteStore({
      path: join(dir, 'store.db'),
      reservePath: join(dir, 'reserve.bin'),
      clock,
      random,
      log,
      onSinkFailed: (error) =>
        log.error({ err: error }, 'the reserve is full: cuts are held in memory, nothing opens'),
    });
    closers.push(async () => await store.close());

    const policy = new PolicyBook();
    closers.push(() => policy.close());
    const broker = {
      name: config.name,
      version: options.version,
      address: config.address,
      also: config.also,
      stateEpoch: await readStateEpoch(store),
      fourEyes: config.fourEyes,
      signInMs: config.signInMs,
      ...(config.console === undefined
        ? {}
        : { console: { host: config.console.host, origin: consoleOrigin(config.console) } }),
    };
    const ticketSources = await readTicketSources(options.dataDir);
    await requireTenants(store, 'tickets.yaml', ticketSources.values());
    const providers = await readProviders(options.dataDir);
    await requireTenants(store, 'providers.yaml', providers.providers.values());
    const ctx: AuthorityContext = {
      get whole() {
        return ctx;
      },
      store,
      clock,
      random,
      log,
      policy,
      get pki() {
        return pki;
      },
      get consoleRoot() {
        return consoleRoot;
      },
      locks: new LockBook(clock),
      windows: new WindowBook(clock),
      stepUps: new StepUps(clock),
      lookUps: new TicketLookUps(clock),
      codes: new LastYes(clock),
      codeTries: new OwnTries(clock, 'codes', limits.totpTriesPerMinute),
      passkeyTries: new OwnTries(clock, 'passkeys', limits.ownTriesPerMinute),
      breakGlassTries: new OwnTries(clock, 'sealed requests', limits.ownTriesPerMinute),
      tickets: new TicketBook(clock, ticketSources),
      sessions: new LiveSessions(clock),
      gates: new GateBook(),
      broker,
    };
    await ctx.locks.load(store);
    await ctx.windows.load(store);
    await ctx.tickets.load(store);
    await loadTenantPolicies(ctx);
    await loadPolicies(ctx, join(options.dataDir, 'policies'));
    endOnExpiry(ctx);
    await restoreSessions(ctx);
    await store.commit({ changes: [], events: startEvents(options, pki) });

    const noticeConfig = await readNoticeConfig(options.dataDir);
    if (noticeConfig !== undefined) {
      const notifier = await Notifier.start(ctx, noticeConfig);
      closers.push(async () => await notifier.stop());
    }
    closers.push(startLeases(ctx));
    for (const sweep of [
      receiptSweep,
      requestSweep,
      assertionSweep,
      breakGlassSweep,
      ticketSweep,
      ctx.lookUps.sweep,
    ])
      closers.push(startSweep(ctx, sweep));

    const pages = options.consoleDir === undefined ? undefined : await ConsolePages.load(options.consoleDir);
    const api = await buildApi(ctx, {
      providers,
      ...(pages === undefined ? {} : { pages }),
    });
    closers.push(async () => await api.close());
    const socketMode = options.isGateApart === true ? 0o660 : 0o600;
    const listener = await listenApi(api, { runDir: options.runDir, socketMode, ctx });
    closers.push(async () => await listener.close());
    const onConsoleIdentity = (identity: ConsoleIdentity): void => {
      consoleRoot = identity.root;
      listener.setConsoleIdentity(identity);
    };
    const acme = acmeKeeper(ctx, config.console, {
      dir: keyOptions.dir,
      runDir: options.runDir,
      socketMode,
      onNew: onConsoleIdentity,
    });
    if (acme !== undefined) closers.push(async () => await acme.stop());
    const keys = await keepKeysFresh(ctx, {
      dir: keyOptions.dir,
      names:
        isIP(config.name) === 0
          ? { dnsNames: [config.name], ipAddresses: [] }
          : { dnsNames: [], ipAddresses: [config.name] },
      renewKeys: async () => {
        pki = await loadOrCreateAuthorityKeys(keyOptions);
      },
      onIdentity: (identity) => listener.setIdentity(identity),
      onConsoleIdentity,
      ...(acme === undefined ? {} : { acme }),
      ...(config.console === undefined ? {} : { console: config.console }),
    });
    closers.push(() => keys.stop());
    const invite = await createFirstInvite(inTenant(ctx, defaultTenant));
    const control = await serveControl(ctx, join(options.runDir, 'control.sock'), { mode: socketMode });
    closers.push(async () => await control.close());
    const localSocket = join(options.localDir ?? options.runDir, 'local.sock');
    const local = await openLocalDoor(
      ctx,
      localSocket,
      localOrders(ctx, {
        dir,
        rotate: async (what) => {
          await rotateKeys(keyOptions, what);
          await keys.refresh();
        },
      }),
    );
    closers.push(async () => await local.close());
    closers.push(async () => {
      await store.commit({
        changes: [],
        events: [{ type: 'broker.stopped', actor: system, outcome: 'success', body: {} }],
      });
    });
    return { rootFingerprint: pki.rootFingerprint, ...(invite === undefined ? {} : { invite }), close };
  } catch (error) {
    await close();
    throw inWords(error);
  }
}

function acmeKeeper(
  ctx: AuthorityContext,
  config: ConsoleConfig | undefined,
  options: Omit<KeepOptions, 'config'>,
): AcmeKeeper | undefined {
  if (config?.acme === undefined) return undefined;
  return new AcmeKeeper(ctx, { ...options, config: { ...config, acme: config.acme } });
}

/** Whoever starts a broker may read what is wrong with its disk; the api says less. */
function inWords(error: unknown): unknown {
  if (!(error instanceof StoreUnavailable)) return error;
  return new SallyportError('store_unavailable', error.message, {
    next: 'free some space on its disk, or mend it, then start again',
    cause: error,
  });
}

const system = { kind: 'system', id: 'authority' } as const;

function startEvents(options: AuthorityOptions, pki: Authorities): readonly EventDraft[] {
  const made: EventDraft[] = pki.made.map((what) => ({
    type: what === 'keyset' ? 'keyset.signed' : 'ca.created',
    actor: system,
    outcome: 'success',
    body: { what, rootFingerprint: pki.rootFingerprint, keysetVersion: pki.keyset.version },
  }));
  return [
    ...made,
    {
      type: 'broker.started',
      actor: system,
      outcome: 'success',
      body: { version: options.version, name: options.config.name },
    },
  ];
}
