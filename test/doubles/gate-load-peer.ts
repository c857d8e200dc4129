// A process of its own for tests under load: an agent whose channels send without end, an operator who
// opens many channels in as many sessions and reads, or many agents that dial at once. Told what to do, and tells what it saw, over IPC.
// Times are Unix ms with fractions, the same clock in every process.

import type { ByteStream } from '../../src/link/byte-stream.ts';
import { sessionId, startAgent, startOperator } from './gate-peers.ts';
import type { TestCa, TestLeaf } from './test-ca.ts';

export interface LoadStart {
  readonly role: 'agent' | 'operator' | 'storm';
  readonly port: number;
  readonly root: string;
  readonly leaf: Pick<TestLeaf, 'key' | 'cert'>;
  readonly streams: number;
}

export type LoadWord =
  | { readonly type: 'ready' }
  | { readonly type: 'cut'; readonly at: readonly number[]; readonly clean: number };

const chunk = Buffer.alloc(16 * 1024, 'd');
const now = (): number => performance.timeOrigin + performance.now();

process.once('message', (start: LoadStart) => {
  const options = { ca: { root: start.root } as TestCa, port: start.port, leaf: start.leaf as TestLeaf };
  void roles[start.role](options, start.streams);
});
process.once('disconnect', () => process.exit(0));

type Options = Parameters<typeof startOperator>[0];

const roles = { agent: runAgent, operator: runOperator, storm: runStorm } as const;

async function runStorm(options: Options, count: number): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async () => {
      const agent = await startAgent(options);
      await agent.welcomed;
    }),
  );
  tell({ type: 'ready' });
}

async function runAgent(options: Options, count: number): Promise<void> {
  const at: number[] = [];
  const agent = await startAgent({
    ...options,
    onChannel(stream) {
      const more = (): void => {
        while (!stream.isClosed && stream.write(chunk));
      };
      stream.listen({
        onData: () => undefined,
        onEnd: () => undefined,
        onDrain: more,
        onClose() {
          at.push(now());
          if (at.length === count) tell({ type: 'cut', at, clean: 0 });
        },
      });
      more();
    },
  });
  await agent.welcomed;
  tell({ type: 'ready' });
}

async function runOperator(options: Options, count: number): Promise<void> {
  const operator = await startOperator(options);
  const at: number[] = [];
  let flowing = 0;
  let clean = 0;
  const read = (stream: ByteStream): void => {
    let lastByteAt = 0;
    stream.listen({
      onData() {
        if (lastByteAt === 0 && ++flowing === count) tell({ type: 'ready' });
        lastByteAt = now();
      },
      onEnd({ how }) {
        if (how === 'clean') clean++;
        at.push(lastByteAt);
        if (at.length === count) tell({ type: 'cut', at, clean });
      },
    });
  };
  for (let n = 0; n < count; n++) read((await operator.open(sessionId(n))).stream);
}

function tell(word: LoadWord): void {
  process.send?.(word);
}
