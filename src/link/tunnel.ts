// A connection through an HTTP proxy: CONNECT, its answer, and then a plain socket on which TLS to the broker
// begins. Bounded in time and bytes; whatever the proxy does wrong is said as the proxy's doing.

import { connect, type Socket } from 'node:net';
import { SallyportError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { printable } from '../core/printable.ts';
import type { Address } from './address.ts';
import type { OutboundProxy } from './outbound-proxy.ts';
import { proxyRefusal, readProxyAnswer } from './proxy-answer.ts';

export interface TunnelOptions {
  readonly proxy: OutboundProxy;
  readonly target: Address;
  /** Gives up; its reason is what the caller hears. */
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Throws SallyportError with words, or the signal's reason. */
export function openTunnel({ proxy, target, signal, timeoutMs }: TunnelOptions): Promise<Socket> {
  const who = `the proxy "${printable(proxy.name)}"`;
  const place = `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`;
  const waitMs = timeoutMs ?? limits.proxyAnswerTimeoutMs;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: proxy.host, port: proxy.port, noDelay: true });
    let received = '';
    let isConnected = false;
    const settle = (error?: unknown): void => {
      clearTimeout(deadline);
      signal?.removeEventListener('abort', onAbort);
      socket.off('data', onData).off('error', onError).off('close', onClose);
      if (error === undefined) {
        socket.pause();
        return resolve(socket);
      }
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      received += chunk.toString('latin1');
      const answer = readProxyAnswer(received);
      if (answer.state === 'more') return;
      if (answer.state === 'odd') return settle(notAProxy(who));
      if (answer.status >= 300) return settle(proxyRefusal(answer, proxy, place));
      settle();
    };
    const onError = (error: Error): void => settle(isConnected ? gone(who, error) : unreachable(who, error));
    const onClose = (): void => settle(gone(who));
    const onAbort = (): void => settle(signal?.reason);
    const deadline = setTimeout(() => settle(late(who, isConnected, waitMs)), waitMs);
    socket.on('data', onData).once('error', onError).once('close', onClose);
    socket.once('connect', () => {
      isConnected = true;
      socket.write(proxy.connectHead(target), 'latin1');
    });
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
  });
}

const checkProxy = 'check the address of the proxy, and that it runs';

function unreachable(who: string, error: Error): SallyportError {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'nothing listens where it should be',
    ENOTFOUND: 'its name cannot be resolved',
    EAI_AGAIN: 'its name cannot be resolved',
  };
  const why = words[code] ?? (code === '' ? 'the connection failed' : code);
  return new SallyportError('unavailable', `${who} cannot be reached: ${why}`, {
    next: checkProxy,
    cause: error,
  });
}

function late(who: string, isConnected: boolean, waitMs: number): SallyportError {
  return isConnected
    ? new SallyportError('unavailable', `${who} did not answer within ${waitMs / 1_000} s`, {
        next: 'check that this is an HTTP proxy that knows CONNECT',
      })
    : new SallyportError('unavailable', `${who} could not be connected to within ${waitMs / 1_000} s`, {
        next: checkProxy,
      });
}

function gone(who: string, cause?: Error): SallyportError {
  return new SallyportError('unavailable', `${who} closed the connection instead of answering`, {
    next: 'check that this is an HTTP proxy that knows CONNECT, and see its log',
    ...(cause === undefined ? {} : { cause }),
  });
}

function notAProxy(who: string): SallyportError {
  return new SallyportError('unavailable', `${who} answered something that is no answer to CONNECT`, {
    next: 'check the address: this does not look like an HTTP proxy',
  });
}
