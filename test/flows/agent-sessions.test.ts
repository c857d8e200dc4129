// How sessions end on a device, with real processes: what ends them, what is left (nothing), and what the
// signed receipt says. Each in a cgroup where this machine allows one, and by process group.

import { test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Processes } from '../../src/agent/services/processes.ts';
import { listProcesses } from '../../src/agent/services/process-list.ts';
import type { ChannelParams } from '../../src/core/channel.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { readReceipt, type Receipt } from '../../src/wire/receipt.ts';
import { verifyStatement } from '../../src/wire/signed.ts';
import { converse } from '../doubles/agent-channel.ts';
import {
  exec,
  sessionName,
  startAgentWorld,
  type AgentWorld,
  type GateLink,
} from '../doubles/agent-world.ts';

const receiptPath = '/v1/device/receipts';
const probe = await Processes.open({ name: `sallyport-probe-${process.pid}`, clock: systemClock });
await probe.close();
const methods = [
  { useCgroups: true, skip: probe.method === 'cgroup' ? false : 'skipped: no cgroup may be made here' },
  { useCgroups: false, skip: false },
] as const;

async function newLink(
  t: TestContext,
  options: { readonly useCgroups?: boolean } = {},
): Promise<{ readonly world: AgentWorld; readonly link: GateLink }> {
  const world = await startAgentWorld();
  t.after(() => world.close());
  world.start(options);
  const link = await world.nextLink();
  await link.welcome();
  return { world, link };
}

async function nextReceipt(world: AgentWorld): Promise<Receipt> {
  const body = await world.nextTold(receiptPath);
  const key = createPublicKey(world.deviceKey);
  const verified = verifyStatement('receipt', String(body['receipt']), () => key);
  assert.ok(verified.ok, 'the receipt must be signed by the device key');
  const receipt = readReceipt(verified.payload);
  assert.ok(receipt !== undefined);
  return receipt;
}

async function processesOf(session: string): Promise<number> {
  return (await listProcesses()).filter((process) => process.session === session).length;
}

for (const { useCgroups, skip } of methods) {
  const method = useCgroups ? 'cgroup' : 'process_group';

  test(`R-046 a cut leaves no process, and the receipt says so (${method})`, { skip }, async (t) => {
    const { world, link } = await newLink(t, { useCgroups });
    const session = sessionName();
    const script = 'sleep 600 & sleep 600 & echo up; wait';
    const channel = await converse(await link.open(exec('sh', '-c', script), { session }));
    await channel.until('up');
    assert.ok((await processesOf(session)) >= 3);
    await link.lease([]);
    assert.equal((await channel.ended).how, 'cut');
    const receipt = await nextReceipt(world);
    assert.equal(receipt.method, method);
    assert.equal(receipt.session, session);
    assert.equal(receipt.cause, 'not_leased');
    assert.equal(receipt.processesLeft, 0);
    assert.equal(receipt.channels, 1);
    assert.equal(await processesOf(session), 0);
  });

  test(
    `R-046 a process that hides behind setsid and ignores TERM is killed too (${method})`,
    { skip },
    async (t) => {
      const { world, link } = await newLink(t, { useCgroups });
      const session = sessionName();
      const script = `setsid sh -c 'trap "" TERM HUP; echo up; while :; do sleep 600; done' & wait`;
      const channel = await converse(await link.open(exec('sh', '-c', script), { session }));
      await channel.until('up');
      await link.lease([]);
      assert.equal((await nextReceipt(world)).processesLeft, 0);
      assert.equal(await processesOf(session), 0);
    },
  );

  test(
    `R-046 a background job that outlives its shell ends with the session (${method})`,
    { skip },
    async (t) => {
      const { world, link } = await newLink(t, { useCgroups });
      const session = sessionName();
      // In the middle of an exec a process shows no environment, by which processesOf knows it.
      const script = `nohup sleep 600 >/dev/null 2>&1 </dev/null &
        until [ "$(cat /proc/$!/comm)" = sleep ]; do :; done; echo up`;
      const channel = await converse(await link.open(exec('sh', '-c', script), { session }));
      assert.deepEqual((await channel.ended).exit, { code: 0 });
      assert.equal(await processesOf(session), 1);
      await link.lease([]);
      const receipt = await nextReceipt(world);
      assert.equal(receipt.cause, 'finished');
      assert.equal(await processesOf(session), 0);
    },
  );

  test(
    `a terminal's jobs, each in a group of its own, end with the session (${method})`,
    { skip },
    async (t) => {
      const { world, link } = await newLink(t, { useCgroups });
      const session = sessionName();
      const pty = { term: 'xterm', cols: 80, rows: 24 };
      const params: ChannelParams = { kind: 'exec', argv: ['bash', '--norc'], env: {}, pty };
      const channel = await converse(await link.open(params, { session }));
      await channel.stdin('set -m; sleep 600 & sleep 600 & echo u"p"\n');
      await channel.until('up\r\n');
      await link.lease([]);
      assert.equal((await channel.ended).how, 'cut');
      assert.equal((await nextReceipt(world)).processesLeft, 0);
      assert.equal(await processesOf(session), 0);
    },
  );

  test(
    `R-045 a lost link ends its sessions, and the receipt leaves by the api (${method})`,
    { skip },
    async (t) => {
      const { world, link } = await newLink(t, { useCgroups });
      const session = sessionName();
      const channel = await converse(
        await link.open(exec('sh', '-c', 'echo up; exec sleep 600'), { session }),
      );
      await channel.until('up');
      link.socket.destroy();
      const receipt = await nextReceipt(world);
      assert.equal(receipt.cause, 'link_lost');
      assert.equal(receipt.processesLeft, 0);
      assert.equal(await processesOf(session), 0);
    },
  );
}

test('R-045 an operator who leaves takes his command with him', async (t) => {
  const { link } = await newLink(t);
  const session = sessionName();
  const channel = await converse(await link.open(exec('sh', '-c', 'echo up; exec sleep 600'), { session }));
  await channel.until('up');
  const shell = await converse(await link.open(exec('cat'), { session }));
  channel.stream.abort(new Error('the operator left'));
  // The other channel of the session lives on.
  await untilProcesses(session, 1);
  await shell.stdin('alive');
  shell.endStdin();
  assert.equal((await shell.ended).out, 'alive');
});

test('an agent that stops ends its sessions first, and its receipts leave', async (t) => {
  const world = await startAgentWorld();
  t.after(() => world.close());
  const agent = world.start();
  const link = await world.nextLink();
  await link.welcome();
  const session = sessionName();
  const channel = await converse(await link.open(exec('sh', '-c', 'echo up; exec sleep 600'), { session }));
  await channel.until('up');
  await agent.stop();
  assert.equal((await nextReceipt(world)).cause, 'agent_stopped');
  assert.equal(await processesOf(session), 0);
  assert.deepEqual(await readdir(join(world.stateDir, 'live')), []);
});

test('a receipt that the broker did not take is kept on the disk, and delivered after a restart', async (t) => {
  const world = await startAgentWorld();
  t.after(() => world.close());
  world.answer.api = () => ({ status: 503, body: { title: 'not now' } });
  const agent = world.start();
  const link = await world.nextLink();
  await link.welcome();
  const session = sessionName();
  const channel = await converse(await link.open(exec('true'), { session }));
  await channel.ended;
  await link.lease([]);
  assert.equal((await nextReceipt(world)).session, session);
  await agent.stop();
  assert.deepEqual(await readdir(join(world.stateDir, 'receipts')), [`${session}.receipt`]);

  world.answer.api = () => ({ status: 200, body: { done: true } });
  const second = world.start();
  const next = await world.nextLink();
  await next.welcome();
  for (let receipt = await nextReceipt(world); ; receipt = await nextReceipt(world)) {
    assert.equal(receipt.session, session);
    if (world.told.length >= 2) break;
  }
  await second.stop();
  assert.deepEqual(await readdir(join(world.stateDir, 'receipts')), []);
});

test('R-046 asked for sessions that never reached it, the agent says so; of the others it says what was', async (t) => {
  const { world, link } = await newLink(t);
  const ran = sessionName();
  const channel = await converse(
    await link.open(exec('sh', '-c', 'echo up; exec sleep 600'), { session: ran }),
  );
  await channel.until('up');
  link.socket.destroy();
  const unheard = sessionName();
  const next = await world.nextLink();
  await next.welcome({ welcome: { awaited: [ran, unheard, 'ses_../../etc'] } });
  const receipts = new Map<string, Receipt>();
  while (!receipts.has(ran) || !receipts.has(unheard)) {
    const receipt = await nextReceipt(world);
    assert.ok(!receipts.has(receipt.session), 'nothing is said twice');
    receipts.set(receipt.session, receipt);
  }
  assert.equal(receipts.get(ran)?.cause, 'link_lost');
  const { cause, method, processesLeft, channels } = receipts.get(unheard) ?? {};
  assert.deepEqual([cause, method, processesLeft, channels], ['unknown_here', 'nothing_started', 0, 0]);
});

test('a receipt that the broker will never take is dropped', async (t) => {
  const world = await startAgentWorld();
  t.after(() => world.close());
  const problem = { type: 'x', title: 'no such session', status: 404, code: 'not_found' };
  world.answer.api = () => ({ status: 404, body: problem });
  const agent = world.start();
  const link = await world.nextLink();
  await link.welcome();
  await (
    await converse(await link.open(exec('true')))
  ).ended;
  await link.lease([]);
  await nextReceipt(world);
  await agent.stop();
  assert.deepEqual(await readdir(join(world.stateDir, 'receipts')), []);
});

async function untilProcesses(session: string, count: number): Promise<void> {
  while ((await processesOf(session)) !== count) await new Promise((resolve) => setImmediate(resolve));
}
