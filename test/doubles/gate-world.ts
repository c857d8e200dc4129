// A whole gate in this process, with a fake authority behind it and real sockets in front.

import type { TestContext } from 'node:test';
import { runGate, type Gate, type GateBounds } from '../../src/gate/assemble.ts';
import type { ByteStream } from '../../src/link/byte-stream.ts';
import type { Clock } from '../../src/platform/clock.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog, type Log } from '../../src/platform/log.ts';
import { systemRandom } from '../../src/platform/random.ts';
import type { ChannelAccepted } from '../../src/wire/control.ts';
import { FakeAuthority } from './fake-authority.ts';
import { startAgent, startOperator, type FakeAgent, type FakeAgentOptions } from './gate-peers.ts';
import { createTestCa, type TestCa, type TestLeaf } from './test-ca.ts';

export interface GateWorld {
  readonly ca: TestCa;
  readonly authority: FakeAuthority;
  readonly gate: Gate;
  readonly device: TestLeaf;
  readonly human: TestLeaf;
  /** An agent whose link is up, and the link's id. */
  agent(options?: Partial<FakeAgentOptions>): Promise<FakeAgent & { readonly link: string }>;
  operator(options?: { readonly port: number }): ReturnType<typeof startOperator>;
  /** From now on the authority says yes to every channel on this link. */
  allow(link: string, options?: Partial<ChannelAccepted>): void;
}

const ca = createTestCa();

/** Closed when the test ends. */
export async function startGate(
  t: TestContext,
  options: { readonly clock?: Clock; readonly bounds?: Partial<GateBounds>; readonly log?: Log } = {},
): Promise<GateWorld> {
  const testCa = await ca;
  const [device, human] = await Promise.all([testCa.leaf('device', 'dev-1'), testCa.leaf('human', 'ann')]);
  const authority = await FakeAuthority.start(testCa);
  t.after(() => authority.close());
  const gate = await runGate({
    ...authority.sockets,
    listen: { host: '127.0.0.1', port: 0 },
    gateName: 'gate-1',
    version: '0.1.0',
    clock: options.clock ?? systemClock,
    random: systemRandom,
    log: options.log ?? silentLog,
    ...(options.bounds === undefined ? {} : { bounds: options.bounds }),
  });
  t.after(() => gate.abort());
  await authority.until(() => authority.hasOrders);
  const common = { ca: testCa, port: gate.port };
  let n = 0;
  return {
    ca: testCa,
    authority,
    gate,
    device,
    human,
    async agent(more = {}) {
      const before = authority.toldOf('/gate/links').length;
      const agent = await startAgent({ ...common, leaf: device, ...more });
      await agent.welcomed;
      const body = authority.toldOf('/gate/links').at(before);
      return { ...agent, link: String(body?.['link']) };
    },
    operator: (more = { port: gate.port }) => startOperator({ ...common, leaf: human, ...more }),
    allow(link, more = {}) {
      authority.answers.channel = () => ({
        link,
        pass: 'pass.signature',
        n: n++,
        idleMs: 600_000,
        mustEndAt: Date.now() + 3_600_000,
        ...more,
      });
    },
  };
}

/** An agent's service that sends back what it gets and ends, with exit 0, when the operator ends. */
export function echo(stream: ByteStream): void {
  stream.listen({
    onData: (chunk) => void stream.write(chunk),
    onEnd: (end) => {
      if (end.how === 'clean') stream.endClean({ 'sallyport-exit': '{"code":0}' });
    },
  });
}
