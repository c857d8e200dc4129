// A process for L11: a gate, a fake authority that says no, and an operator who asks 100,000 times in
// frames written by hand (a client library would cost more than the gate); prints the memory on the way
// (MiB). Run with --expose-gc.

import type { TestContext } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import { channelHeaders, dial, sessionId } from './gate-peers.ts';
import { startGate } from './gate-world.ts';
import { EndCounter, endHeaders, endStream, frame, frameType, postHead, preface } from './raw-http2.ts';

const opens = 100_000;
const atOnce = 200;
const looks = 5;

const after: (() => unknown)[] = [];
const t = { after: (run: () => unknown) => void after.push(run) } as unknown as TestContext;
const world = await startGate(t);
world.authority.remembers = false;
let denied = 0;
world.authority.answers.channel = () => {
  denied++;
  throw new SallyportError('denied', 'no');
};
const socket = await dial({
  ca: world.ca,
  port: world.gate.port,
  alpn: 'sallyport-channel',
  leaf: world.human,
});
const wideOpen = Buffer.from([0x3f, 0xff, 0x00, 0x00]);
socket.write(
  Buffer.concat([
    preface,
    frame({ type: frameType.settings, stream: 0 }),
    frame({ type: frameType.windowUpdate, stream: 0, payload: wideOpen }),
  ]),
);
const counter = new EndCounter();
let asked = 0;

/** Asks until so many were answered, with a bounded number under way. */
function askUntil(count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const ask = (): void => {
      const batch: Buffer[] = [];
      for (; asked < count && asked - counter.ended < atOnce; asked++) {
        // Every other one is refused for its head already, before the authority is asked.
        const bad = asked % 2 === 0 ? { 'sallyport-params': '*' } : {};
        const payload = postHead('/channels/exec', { ...channelHeaders(sessionId(asked)), ...bad });
        const flags = endStream | endHeaders;
        batch.push(frame({ type: frameType.headers, flags, stream: 2 * asked + 1, payload }));
      }
      if (batch.length > 0) socket.write(Buffer.concat(batch));
    };
    const onData = (bytes: Uint8Array): void => {
      counter.push(bytes);
      if (counter.ended < count) return ask();
      socket.off('data', onData).off('close', onClose);
      resolve();
    };
    const onClose = (): void => reject(new Error(`closed after ${counter.ended} answers`));
    socket.on('data', onData).on('close', onClose);
    ask();
  });
}

const sizes: { readonly heap: number; readonly rss: number }[] = [];
for (let look = 1; look <= looks; look++) {
  await askUntil((opens / looks) * look);
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  sizes.push({ heap: heapUsed / 2 ** 20, rss: rss / 2 ** 20 });
}
process.stdout.write(JSON.stringify({ refused: counter.ended, denied, sizes }));
socket.destroy();
for (const run of after.toReversed()) await run();
