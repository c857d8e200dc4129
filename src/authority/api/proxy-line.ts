// The PROXY protocol line, version 1, that starts every connection from the gate:
//   PROXY TCP4|TCP6 <source> <destination> <source port> <destination port> CR LF
// at most 107 bytes, before the first byte of TLS. It is believed because only the gate reaches the unix
// socket; the same bytes from the public side are a malformed ClientHello (negative test L17).
// Specification: haproxy.org, proxy-protocol.txt, section 2.1. UNKNOWN is refused: our gate always knows.

import { isIP, type Socket } from 'node:net';
import { limits } from '../../core/limits.ts';
import type { Clock } from '../../platform/clock.ts';

export type ProxyLine =
  | { readonly need: 'more' }
  | { readonly source: string; readonly length: number }
  | 'fault';

const linePattern = /^PROXY TCP([46]) ([0-9a-fA-F:.]{2,39}) ([0-9a-fA-F:.]{2,39}) (\d{1,5}) (\d{1,5})$/;
const prefix = 'PROXY ';

/** Reads what came so far. Pure. `length` counts the line with its CR LF. */
export function readProxyLine(bytes: Uint8Array): ProxyLine {
  const head = Buffer.from(bytes.subarray(0, limits.proxyLineMaxBytes)).toString('latin1');
  if (!head.startsWith(prefix.slice(0, head.length))) return 'fault';
  const end = head.indexOf('\r\n');
  if (end < 0) return head.length < limits.proxyLineMaxBytes ? { need: 'more' } : 'fault';
  const [, family, source = '', destination = '', ...ports] = linePattern.exec(head.slice(0, end)) ?? [];
  const isWhole =
    isIP(source) === Number(family) &&
    isIP(destination) === Number(family) &&
    ports.every((port) => Number(port) <= 65_535);
  return isWhole ? { source, length: end + 2 } : 'fault';
}

/**
 * Takes the line off a fresh socket and leaves what follows in it. Undefined when there was none in time:
 * the socket is destroyed then.
 */
export async function takeProxyLine(socket: Socket, clock: Clock): Promise<string | undefined> {
  return await new Promise((resolve) => {
    let held = Buffer.alloc(0);
    const timer = clock.setTimer(limits.clientHelloTimeoutMs, () => finish(undefined));
    function finish(source: string | undefined): void {
      timer.cancel();
      socket.off('readable', read).off('close', gone).off('end', gone);
      if (source === undefined) socket.destroy();
      resolve(source);
    }
    function gone(): void {
      finish(undefined);
    }
    function read(): void {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      held = Buffer.concat([held, chunk]);
      const line = readProxyLine(held);
      if (line === 'fault') finish(undefined);
      else if (!('need' in line)) {
        if (held.length > line.length) socket.unshift(held.subarray(line.length));
        finish(line.source);
      }
    }
    socket.on('readable', read).on('close', gone).on('end', gone);
  });
}
