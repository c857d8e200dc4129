// sallyport forward TARGET: a port on this machine that is a destination seen from the device. Each
// connection is a channel of its own, decided and logged like every other.

import { constants } from 'node:os';
import { formatHostPort, parseHostPort } from '../../core/broker-config.ts';
import type { TcpParams } from '../../core/channel.ts';
import { readHost } from '../../core/destination.ts';
import { exitStatus, SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { parseTarget } from '../../core/target.ts';
import { call } from '../api.ts';
import type { CommonOptions } from '../catalogue/spec.ts';
import { openSession, readTarget, type OperatorSession } from '../channel/open-session.ts';
import { Forwarding } from '../forward/forwarding.ts';
import { isLocalOnly, openDoor, readListen, type Door } from '../forward/listen.ts';
import { jsonView, textView, type ForwardView } from '../forward/show.ts';
import { SessionWatch } from '../forward/watch-session.ts';
import { durationFlag } from '../moment.ts';
import { printableLines } from '../output.ts';
import type { SignIn } from '../profile.ts';
import { freshSignIn } from '../renewal.ts';

interface Options extends CommonOptions {
  readonly target: string;
  readonly listen?: string;
  readonly to?: string;
  readonly for?: string;
  readonly wait?: string;
  readonly ticket?: string;
}

/** The broker puts in where a service lies: this only has to be a destination. */
const anyPlace: TcpParams = { kind: 'tcp', host: 'service', port: 1 };
/** How long leaving may take the time to say that nothing was opened. */
const sayEndMs = 1_500;

export async function run(options: Options): Promise<number> {
  const target = readTarget(options.target);
  const params = readDestination(target, options.to);
  const place = readListen(options.listen);
  const forMs = durationFlag('for', options.for);
  const waitMs = durationFlag('wait', options.wait);
  const me = await freshSignIn(options, Date.now());
  // First, so that a port that is taken costs no session.
  const door = await openDoor(place);
  try {
    if (!isLocalOnly(place)) {
      process.stderr.write(`sallyport: whoever reaches ${door.at} uses this forward as you\n`);
    }
    const session = await openSession(me, { target, params, forMs, waitMs, ticket: options.ticket });
    return await forward({
      me,
      target,
      door,
      session,
      view: options.json === true ? jsonView() : textView(),
    });
  } finally {
    door.close();
  }
}

interface Parts {
  readonly me: SignIn;
  readonly target: string;
  readonly door: Door;
  readonly session: OperatorSession;
  readonly view: ForwardView;
}

/** Until the session ends, which it throws, or somebody ends it here. */
async function forward({ me, target, door, session, view }: Parts): Promise<number> {
  const left = leaving();
  const watch = new SessionWatch(me, session);
  const forwarding = new Forwarding({
    startChannel: () => session.startChannel(),
    onOpened: (connection) => view.opened(connection),
    onClosed: (connection) => {
      view.closed(connection);
      // A server may well reset a connection; so does the end of the session.
      if (connection.ended !== 'clean') watch.look();
    },
  });
  const { banner, session: about } = session.opened;
  if (banner !== undefined) process.stderr.write(`${printableLines(banner)}\n`);
  const listening = {
    listen: door.at,
    target,
    to: placeOf(session),
    session: about.id,
    until: about.mustEndAt,
  };
  view.listening(listening, forwarding);
  door.handTo((socket) => forwarding.take(socket));

  const outcome = await Promise.race([watch.ended, left]);
  watch.stop();
  door.close();
  view.stop();
  forwarding.end(new Error('the forward has ended'));
  session.close();
  if (outcome instanceof SallyportError) throw outcome;
  if (forwarding.counts.total === 0) await sayUnused(me, session);
  return outcome === 'SIGINT' ? exitStatus.done : 128 + constants.signals[outcome];
}

/** Throws `invalid` when target and --to do not say together where to. */
function readDestination(target: string, to: string | undefined): TcpParams {
  const isService = parseTarget(target)?.service !== undefined;
  if (isService && to === undefined) return anyPlace;
  if (isService)
    throw invalid(
      `"${target}" is a service, and lies where it lies`,
      `leave --to away, or forward the device: ${target.split('/')[0]}`,
    );
  if (to === undefined)
    throw invalid(
      `"${target}" is a device: where to?`,
      `sallyport forward ${target} --to HOST:PORT, or one of its services: sallyport services ls`,
    );
  const place = parseHostPort(to.toLowerCase());
  const host = readHost(place?.host ?? '');
  if (place === undefined || place.port === 0 || to.startsWith(':'))
    throw invalid(
      `"${printable(to, 80)}" is not HOST:PORT`,
      'write where the device reaches it, like 127.0.0.1:5432',
    );
  if (host.form === 'refused')
    throw invalid(
      `"${printable(place.host, 80)}" is no destination: ${host.why}`,
      'write a name, or an address in its usual form',
    );
  return { kind: 'tcp', ...place };
}

function placeOf({ params }: OperatorSession): string {
  return params.kind === 'tcp' ? formatHostPort(params) : '';
}

/** The signal that ended it from here. */
function leaving(): Promise<'SIGINT' | 'SIGTERM' | 'SIGHUP'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(signal));
  });
}

/** The gate ends what it carried with its connection; a session that never had a channel it does not know. */
async function sayUnused(me: SignIn, { opened }: OperatorSession): Promise<void> {
  try {
    const params = { id: opened.session.id };
    await call(me, 'POST /v1/sessions/:id/end', { params, body: {} }, { timeoutMs: sayEndMs });
  } catch (error) {
    // It ends by itself when its idle time is over: leaving does not wait for a broker that is away.
    if (!(error instanceof SallyportError)) throw error;
  }
}

function invalid(message: string, next: string): SallyportError {
  return new SallyportError('invalid', message, { next });
}
