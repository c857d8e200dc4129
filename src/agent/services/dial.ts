// From a destination as policy saw it to a connection: resolve, check every answer, and dial an address that
// was checked, never the name again, so that a name that rebinds in between gains nothing (negative test
// L10). What is refused here no policy opens: the rules are core/destination.ts, and the broker itself.

import { lookup } from 'node:dns/promises';
import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { TcpParams } from '../../core/channel.ts';
import {
  formatPeer,
  isLocalhost,
  isLoopback,
  parseIp,
  readHost,
  refusalOf,
  type IpAddress,
} from '../../core/destination.ts';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import type { OpenSockets } from './open-sockets.ts';

/** Where the link of this agent goes: as configured, and the address at its other end. */
export interface BrokerPlace {
  readonly host: string;
  readonly port: number;
  readonly address: string | undefined;
}

export interface DialOptions {
  readonly broker: BrokerPlace;
  /** Its end is the end of the socket, also while it connects. */
  readonly sockets: OpenSockets;
  /** Nobody waits for the connection any more. */
  readonly signal: AbortSignal;
  /** Every address of a name; default: as this device resolves names. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
  readonly timeoutMs?: number;
}

export interface Dialled {
  readonly socket: Socket;
  /** "192.0.2.7:443": what was dialled. */
  readonly peer: string;
}

/** Throws `destination_refused`, or `service_failed` with what the network said. */
export async function dial(params: TcpParams, options: DialOptions): Promise<Dialled> {
  const timeoutMs = options.timeoutMs ?? limits.tcpConnectTimeoutMs;
  const until = performance.now() + timeoutMs;
  const addresses = await within(timeoutMs, findAddresses(params, options), () =>
    failed(
      `the device could not resolve "${params.host}" in ${timeoutMs} ms`,
      'check the names on the device',
    ),
  );
  let fault: unknown;
  for (const [at, address] of addresses.entries()) {
    // What is left of the time is shared by the addresses that are left.
    const shareMs = Math.max(1, (until - performance.now()) / (addresses.length - at));
    try {
      return {
        socket: await connectTo(address, params.port, { ...options, timeoutMs: shareMs }),
        peer: formatPeer(address, params.port),
      };
    } catch (error) {
      fault = error;
      if (options.signal.aborted) break;
    }
  }
  throw fault;
}

async function findAddresses({ host, port }: TcpParams, options: DialOptions): Promise<readonly IpAddress[]> {
  const asked = readHost(host);
  if (asked.form === 'refused') throw refuse(`"${printable(host, 80)}" is no destination: ${asked.why}`);
  const isBroker = await brokerCheck(port, options);
  if (asked.form === 'address') {
    const { address } = asked;
    const what = refusalOf(address) ?? (isBroker(address) ? 'the broker itself' : undefined);
    if (what !== undefined) throw refuse(`"${formatPeer(address, port)}" is ${what}`);
    return [address];
  }
  // RFC 6761: this name needs no resolver, and no resolver can make it another machine.
  const answers = isLocalhost(asked.name) ? ['127.0.0.1', '::1'] : await resolveName(asked.name, options);
  const addresses: IpAddress[] = [];
  for (const answer of answers) {
    const address = parseIp(answer);
    if (address === undefined)
      throw refuse(`"${host}" resolves to "${printable(answer, 60)}", which is no address`);
    const what =
      refusalOf(address) ??
      loopbackByName(asked.name, address) ??
      (isBroker(address) ? 'the broker itself' : undefined);
    // One such answer condemns the name: a resolver that mixes them is not to be believed about the others.
    if (what !== undefined) throw refuse(`"${host}" resolves to ${formatPeer(address, port)}, ${what}`);
    if (!addresses.some((known) => known.text === address.text)) addresses.push(address);
  }
  return addresses.slice(0, limits.addressesPerNameMax);
}

/** A service on the device itself is asked for as such; any other name for it is a name that was rebound. */
function loopbackByName(name: string, address: IpAddress): string | undefined {
  return isLoopback(address) && !isLocalhost(name) ? 'a loopback address' : undefined;
}

/** A way back into the broker would be a channel that nobody decided. Cheap for every other port. */
async function brokerCheck(
  port: number,
  { broker, resolve = resolveAll }: DialOptions,
): Promise<(address: IpAddress) => boolean> {
  if (port !== broker.port) return () => false;
  // A name that does not resolve now stands for no address; the link's own end is known all the same.
  const named =
    readHost(broker.host).form === 'name' ? await resolve(broker.host).catch(() => []) : [broker.host];
  const places = [broker.address ?? '', ...named].flatMap((text) => parseIp(text)?.text ?? []);
  const own = ownAddresses();
  const isOwn = (text: string): boolean => own.has(text) || text.startsWith('127.') || text === '::1';
  // A broker on this very machine answers at every address of it.
  const isHere = places.some(isOwn);
  return ({ text }) => places.includes(text) || (isHere && isOwn(text));
}

function ownAddresses(): ReadonlySet<string> {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return new Set(all.flatMap(({ address }) => parseIp(address)?.text ?? []));
}

async function resolveName(name: string, { resolve = resolveAll }: DialOptions): Promise<readonly string[]> {
  let answers: readonly string[];
  try {
    answers = await resolve(name);
  } catch (error) {
    throw failed(
      `the device cannot resolve "${name}" (${codeOf(error)})`,
      'check the name, and the names on the device',
      error,
    );
  }
  if (answers.length === 0) throw failed(`"${name}" has no address on the device`, 'check the name');
  return answers;
}

async function resolveAll(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true, order: 'verbatim' })).map(({ address }) => address);
}

function connectTo(
  address: IpAddress,
  port: number,
  options: DialOptions & { readonly timeoutMs: number },
): Promise<Socket> {
  const { sockets, signal, timeoutMs } = options;
  const peer = formatPeer(address, port);
  return new Promise((resolve, reject) => {
    // Paused from the start: what a server says first waits in the kernel until the channel is joined.
    const socket = connect({
      host: address.text,
      port,
      family: address.family,
      allowHalfOpen: true,
      noDelay: true,
    });
    socket.pause();
    const settle = (error: Error | undefined): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.off('error', settle);
      socket.off('close', onClose);
      if (error === undefined) return resolve(socket);
      socket.destroy();
      reject(inWords(error, peer));
    };
    const onClose = (): void => settle(failed('the session has ended', 'open a new one'));
    const onAbort = (): void => settle(failed('the connection was given up', 'try again'));
    const timer = setTimeout(
      () =>
        settle(
          failed(
            `"${peer}" did not answer the device in ${Math.round(timeoutMs)} ms`,
            'check that it runs, and what stands between',
          ),
        ),
      timeoutMs,
    );
    socket.once('error', settle);
    socket.once('close', onClose);
    socket.once('connect', () => settle(undefined));
    signal.addEventListener('abort', onAbort, { once: true });
    if (!sockets.add(socket)) return;
    if (signal.aborted) onAbort();
  });
}

const words: Readonly<Record<string, readonly [string, string]>> = {
  ECONNREFUSED: ['refused the connection', 'check that the service runs there'],
  ECONNRESET: ['reset the connection', 'check that the service runs there'],
  EHOSTUNREACH: ['cannot be reached from the device', 'check the network of the device'],
  ENETUNREACH: ['cannot be reached from the device', 'check the network of the device'],
};

function inWords(error: Error, peer: string): SallyportError {
  if (error instanceof SallyportError) return error;
  const code = codeOf(error);
  const [what, next] = words[code] ?? [
    `could not be connected to (${code})`,
    'see the log of the agent on the device',
  ];
  return failed(`"${peer}" ${what}`, next, error);
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'unknown';
}

async function within<T>(ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

function refuse(message: string): SallyportError {
  return new SallyportError('destination_refused', message, {
    next: 'no forward goes there, whatever a policy says',
  });
}

function failed(message: string, next: string, cause?: unknown): SallyportError {
  return new SallyportError('service_failed', message, { next, cause });
}
