// What a process still holds on to, counted on its heap after collecting: for tests that open and close very
// much, where one thing that is kept each time is a leak however small it is. Needs --expose-gc.

import { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { queryObjects } from 'node:v8';
import { DuplexStream } from '../../src/link/duplex-stream.ts';

export interface Left {
  /** Byte streams over anything: channels and plain connections. */
  readonly streams: number;
  readonly sockets: number;
  readonly timers: number;
  readonly heapMib: number;
}

/** What is closing has some turns of the loop to do so. */
const roundsMax = 50;

export async function countLeft(): Promise<Left> {
  for (let round = 1; ; round += 1) {
    // Twice: what a closed handle held is let go by a later turn.
    for (let again = 0; again < 2; again += 1) {
      for (let turns = 0; turns < 20; turns += 1) await turn();
      globalThis.gc?.();
    }
    const streams = queryObjects(DuplexStream, { format: 'count' });
    if (streams > 0 && round < roundsMax) continue;
    const { heapUsed, external, arrayBuffers } = process.memoryUsage();
    return {
      streams,
      sockets: queryObjects(Socket, { format: 'count' }),
      timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
      heapMib: (heapUsed + external + arrayBuffers) / 2 ** 20,
    };
  }
}
