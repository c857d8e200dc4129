// A process for L11: a gate, a fake authority that says no, and an operator who asks 100,000 times; prints
// the heap and resident size (MiB) on the way. Run with --expose-gc.

import type { TestContext } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import { sessionId } from './gate-peers.ts';
import { startGate } from './gate-world.ts';

const opens = 100_000;
const atOnce = 200;
const looks = 5;

const after: (() => unknown)[] = [];
const t = { after: (run: () => unknown) => void after.push(run) } as unknown as TestContext;
const world = await startGate(t);
world.authority.remembers = false;
world.authority.answers.channel = () => {
  throw new SallyportError('denied', 'no');
};
const operator = await world.operator();
const refusals = [
  [403, '"code":"denied"'],
  [400, '"code":"invalid"'],
] as const;
let refused = 0;

async function askUntil(count: number): Promise<void> {
  while (refused < count) {
    refused++;
    // Every other one is refused for its head already, before the authority is asked.
    const headers = refused % 2 === 0 ? { 'sallyport-params': '*' } : {};
    const { status, stream } = await operator.open(sessionId(refused), { headers });
    const body = await new Promise<Buffer>((resolve) => {
      const chunks: Uint8Array[] = [];
      stream.listen({
        onData: (chunk) => void chunks.push(chunk),
        onEnd: () => resolve(Buffer.concat(chunks)),
      });
      stream.endClean();
    });
    const isRight = refusals.some(([expected, code]) => status === expected && body.includes(code));
    if (!isRight) throw new Error(`answered ${status}: ${body.toString()}`);
  }
}

const sizes: { readonly heap: number; readonly rss: number }[] = [];
for (let look = 1; look <= looks; look++) {
  await Promise.all(Array.from({ length: atOnce }, () => askUntil((opens / looks) * look)));
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  sizes.push({ heap: heapUsed / 2 ** 20, rss: rss / 2 ** 20 });
}
process.stdout.write(JSON.stringify({ refused, sizes }));
operator.socket.destroy();
for (const run of after.toReversed()) await run();
