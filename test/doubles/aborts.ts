// A process of its own for a test: opens and aborts very many connections through a real gate, and a real
// agent in a further process, with an authority double beside them and real sockets behind, and prints what
// is left of them. Of each four one is given up while it opens, one is reset by its target, and two are
// aborted by their operator. argv: how many. Run with --expose-gc.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import type { TcpParams } from '../../src/core/channel.ts';
import { SallyportError } from '../../src/core/errors.ts';
import type { ByteStream, StreamEnd } from '../../src/link/byte-stream.ts';
import type { DeviceWord } from './aborts-device.ts';
import { countLeft, type Left } from './count-left.ts';
import { sessionId } from './gate-peers.ts';
import { startGate } from './gate-world.ts';
import { startPair, type SigningOperator } from './pair-world.ts';

export interface AbortsReport {
  readonly opened: number;
  /** Connections that a target accepted. */
  readonly accepted: number;
  /** By how the operator saw them end. */
  readonly ends: Readonly<Record<string, number>>;
  /** After a fifth, and at the end. */
  readonly gate: readonly [Left, Left];
  readonly device: readonly [Left, Left];
}

const atOnce = 100;
/** Below the burst of resets that one identity may cause. */
const perOperator = 3_000;
// Stack traces that nobody reads would take a tenth of the time.
Error.stackTraceLimit = 0;

const total = Number(process.argv[2]);
const after: (() => unknown)[] = [];
const t: Pick<TestContext, 'after'> = { after: (run) => void after.push(run as () => unknown) };
const { ca, authority, gate } = await startGate(t as TestContext);
authority.remembers = false;
const pair = await startPair(t, { ca, authority, port: gate.port });
const device = fork(new URL('aborts-device.ts', import.meta.url), [pair.stateDir], {
  execArgv: ['--expose-gc'],
});
const ports = await heard('ports');
const ends: Record<string, number> = {};
let opened = 0;

async function heard<T extends DeviceWord['type']>(type: T): Promise<Extract<DeviceWord, { type: T }>> {
  for (;;) {
    const [word] = (await once(device, 'message')) as [DeviceWord];
    if (word.type === type) return word as Extract<DeviceWord, { type: T }>;
  }
}

function tcp(port: number): TcpParams {
  return { kind: 'tcp', host: '127.0.0.1', port };
}

async function abortOne(operator: SigningOperator, session: string): Promise<void> {
  const how = opened++ % 4;
  const { stream, answer } = operator.start(session, tcp(how === 0 ? ports.resetting : ports.patient));
  const end = endOf(stream);
  if (how === 1) stream.abort(new Error('given up'));
  try {
    await answer;
    if (how === 0) stream.write(Buffer.from('reset me'));
    else stream.abort(new Error('aborted'));
  } catch (error) {
    // What was given up has no answer, and the target's reset may overtake it.
    if (!(error instanceof SallyportError) || how > 1) throw error;
  }
  const { inbound } = await end;
  ends[inbound] = (ends[inbound] ?? 0) + 1;
}

function endOf(stream: ByteStream): Promise<StreamEnd> {
  return new Promise((resolve) => {
    stream.listen({ onData: () => undefined, onEnd: () => undefined, onClose: resolve });
  });
}

let operators = 0;

async function abortMany(count: number): Promise<void> {
  for (let left = count; left > 0; left -= perOperator) {
    const operator = await pair.operator(`operator-${operators}`);
    const session = sessionId(operators++);
    const wanted = opened + Math.min(left, perOperator);
    const lane = async (): Promise<void> => {
      while (opened < wanted) await abortOne(operator, session);
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    await operator.client.close();
  }
}

async function look(): Promise<{ readonly gate: Left; readonly device: Left; readonly accepted: number }> {
  device.send('look');
  const { left, accepted } = await heard('left');
  return { gate: await countLeft(), device: left, accepted };
}

// The first part warms caches and compiled code up; what is left is compared from there.
await abortMany(total / 5);
const before = await look();
await abortMany((total * 4) / 5);
const end = await look();
const report: AbortsReport = {
  opened,
  accepted: end.accepted,
  ends,
  gate: [before.gate, end.gate],
  device: [before.device, end.device],
};
process.stdout.write(JSON.stringify(report));
device.disconnect();
for (const run of after.toReversed()) await run();
