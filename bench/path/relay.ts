// A long way between two ends on one machine: a TCP relay that delays each direction by 25 ms, lets 1 Gbit/s
// through for all connections together, and holds at most 6 MiB of one connection and direction in flight,
// from the reading until the receiver's word could be back. The rest waits with the sender, as TCP does it.
// No packet is lost, and a connection is there at once. Argument: the port it leads to. Prints its own.

import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { DelayLine, Pace } from './delay-line.ts';

const to = Number(process.argv[2]);
const bytesPerMs = 125_000;
/** What Linux lets a receive buffer grow to by default. */
const windowBytes = 6 * 1024 * 1024;
/** Bytes leave in lumps of this much time: 250 kB at full speed. */
const tickMs = 2;
/** What is due waits half a tick on average. */
const oneWayMs = 25 - tickMs / 2;

const lines = new Set<DelayLine>();
const paces = { up: new Pace(bytesPerMs), down: new Pace(bytesPerMs) };
let ticking: NodeJS.Timeout | undefined;

/** Runs only while something is in flight. */
function tick(): void {
  const now = performance.now();
  let isBusy = false;
  for (const line of lines) {
    line.advance(now);
    isBusy ||= line.isBusy;
  }
  if (isBusy) return;
  clearInterval(ticking);
  ticking = undefined;
}

function wake(): void {
  ticking ??= setInterval(tick, tickMs);
}

function carry(from: Socket, into: Socket, pace: Pace): void {
  const line = new DelayLine({
    pace,
    oneWayMs,
    windowBytes,
    write: (chunks) => writeAll(into, chunks),
    end: () => into.end(),
    setReading: (isReading) => (isReading ? from.resume() : from.pause()),
  });
  lines.add(line);
  into.on('drain', () => line.drained());
  from.on('data', (chunk: Buffer) => {
    line.push(chunk, performance.now());
    wake();
  });
  from.on('end', () => {
    line.finish(performance.now());
    wake();
  });
  into.on('close', () => lines.delete(line));
}

/** One system call for what leaves together. */
function writeAll(socket: Socket, chunks: readonly Buffer[]): boolean {
  if (socket.destroyed) return true;
  socket.cork();
  let isTaken = true;
  for (const chunk of chunks) isTaken = socket.write(chunk);
  socket.uncork();
  return isTaken;
}

const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
  const far = connect({ port: to, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  carry(near, far, paces.up);
  carry(far, near, paces.down);
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    one.on('error', () => one.destroy());
    one.on('close', (hadError) => {
      if (hadError) other.destroy();
    });
  }
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
