// A channel on this device, from the request to the last byte: verify the pass, start the service, answer,
// join. Nothing starts before every check has passed, and nothing is answered before it has started.

import { userOf, type ChannelParams, type ServedKind } from '../core/channel.ts';
import { SallyportError } from '../core/errors.ts';
import type { IncomingRequest } from '../link/served-session.ts';
import type { Log } from '../platform/log.ts';
import type { Pass } from '../wire/pass.ts';
import type { Approvals } from './approvals/approvals.ts';
import type { Owner } from './owner/owner.ts';
import { checkPass, type PassFacts } from './pass-check.ts';
import { findAccount, type Account } from './services/account.ts';
import { buildEnvironment } from './services/environment.ts';
import type { BrokerPlace, DialOptions } from './services/dial.ts';
import { startExec } from './services/exec.ts';
import { startFiles } from './services/files.ts';
import type { RunningService, ServiceStart } from './services/service.ts';
import { startExecInTerminal, startShell } from './services/shell.ts';
import { startTcp } from './services/tcp.ts';
import type { LiveChannel, Seat, SessionTable } from './session-table.ts';

export interface ChannelFacts extends Omit<PassFacts, 'isLeased' | 'useNumber' | 'now'> {
  readonly now: () => number;
  readonly table: SessionTable;
  readonly ownAccount: Account;
  /** Where no forward goes. */
  readonly broker: BrokerPlace;
  readonly owner: Owner;
  readonly approvals: Approvals;
  readonly log: Log;
}

const pathPrefix = '/channels/';
/** The kinds that this agent has a service for. */
const offeredKinds: ReadonlySet<string> = new Set<ServedKind>(['shell', 'exec', 'files', 'tcp']);

/** The kind that a path asks for; undefined for any other path. */
export function kindOf(path: string): string | undefined {
  return path.startsWith(pathPrefix) ? path.slice(pathPrefix.length) : undefined;
}

/** Serves one channel to its end. Throws SallyportError to refuse it. */
export async function openChannel(
  request: IncomingRequest,
  kind: string,
  facts: ChannelFacts,
): Promise<void> {
  // Before the pass is looked at: a kind without a service here must not use up a number.
  if (!offeredKinds.has(kind)) {
    throw new SallyportError('kind_unsupported', 'this device does not serve channels of that kind', {
      next: 'it serves shell, exec, files and tcp',
    });
  }
  const { table, log } = facts;
  const answer = checkPass(
    {
      kind,
      pass: header(request, 'sallyport-pass'),
      open: header(request, 'sallyport-open'),
      params: header(request, 'sallyport-params'),
    },
    {
      ...facts,
      now: facts.now(),
      isLeased: (pass) => table.isLeased(pass),
      useNumber: (session, n) => table.useNumber(session, n),
    },
  );
  if (!answer.ok) {
    log.warn({ kind, code: answer.code }, 'a channel was refused');
    throw new SallyportError(answer.code, answer.title);
  }
  const { pass, params } = answer;
  const { leave, mustEndAt } = await askOwner(request, { pass, params, facts });
  try {
    const seat = await table.enter({ ...pass, mustEndAt });
    if (seat === undefined) {
      throw new SallyportError('rate_limited', 'this device carries as many sessions or channels as it may', {
        next: 'wait until some of them have ended',
      });
    }
    try {
      await serve(request, { pass, params, seat, facts });
    } finally {
      seat.leave();
    }
  } finally {
    leave();
  }
}

interface Asking {
  readonly pass: Pass;
  readonly params: ChannelParams;
  readonly facts: ChannelFacts;
}

interface Verified extends Asking {
  readonly seat: Seat;
}

interface LetIn {
  readonly leave: () => void;
  /** Unix ms: of the pass, or earlier, where what was approved is for less. */
  readonly mustEndAt: number;
}

/** Whatever the pass says, what the device's owner refuses is refused. He may take a minute to say yes. */
async function askOwner(request: IncomingRequest, { pass, params, facts }: Asking): Promise<LetIn> {
  const { owner, approvals, table, log } = facts;
  table.remember(pass);
  const shown = { pass, params, header: header(request, 'sallyport-approval') };
  let leave: (() => void) | undefined;
  // From now on, so that no change of the rules is missed between the look at it and the first byte.
  const unwatch = approvals.watch(shown);
  try {
    const admitted = await approvals.require(shown, facts.now());
    const onWaiting = (): void => request.inform('consent');
    leave = await owner.admit({ pass, params, now: facts.now(), signal: request.signal, onWaiting });
    const endsAt = await approvals.use(shown, admitted, facts.now());
    requireStillGood(pass, facts);
    const left = leave;
    return {
      mustEndAt: Math.min(pass.mustEndAt, endsAt),
      leave: () => {
        left();
        unwatch();
      },
    };
  } catch (error) {
    leave?.();
    unwatch();
    const code = error instanceof SallyportError ? error.code : 'internal';
    log.warn({ kind: params.kind, code }, 'a channel was refused');
    throw error;
  }
}

/** The wait may have outlived the pass, or what leased its session. */
function requireStillGood(pass: Pass, { now, table }: ChannelFacts): void {
  const at = now();
  if (at > pass.startBy || at >= pass.mustEndAt) {
    throw new SallyportError('pass_expired', 'the device said yes after the pass was to be used', {
      next: 'try again',
    });
  }
  if (!table.isLeased(pass)) throw new SallyportError('lease_stale', 'the session is not leased any more');
}

async function serve(request: IncomingRequest, { pass, params, seat, facts }: Verified): Promise<void> {
  const account = await findAccount(userOf(params), facts.ownAccount);
  const env = buildEnvironment({ account, params, pass });
  const { scope, sockets } = seat;
  const { broker } = facts;
  const service = await start(params, { account, env, scope, broker, sockets, signal: request.signal });
  // INVARIANT: from here on every way out hangs the service up, or has joined it.
  const stream = request.accept(service.answerHeaders);
  const channel: LiveChannel = {
    get isOver() {
      return service.hasEnded;
    },
    abort: (error) => stream.abort(error),
  };
  if (!seat.take(channel)) {
    service.hangUp();
    stream.abort(new Error('the session has ended'));
    return;
  }
  try {
    await service.join(stream, (count) => seat.countBytes(count));
  } catch (error) {
    service.hangUp();
    throw error;
  }
}

function start(params: ChannelParams, how: ServiceStart & DialOptions): Promise<RunningService> {
  switch (params.kind) {
    case 'shell':
      return startShell(params, how);
    case 'exec':
      return params.pty === undefined
        ? startExec(params, how)
        : startExecInTerminal({ ...params, pty: params.pty }, how);
    case 'tcp':
      return startTcp(params, how);
    case 'files':
      return startFiles(params, how);
    default:
      return params satisfies never;
  }
}

function header(request: IncomingRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
