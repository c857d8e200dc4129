// The agent as a process of its own: nothing listens, one agent a state directory, and a kill -9
// leaves nothing behind once it is started again (I17).

import { test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { agentStatus } from '../../src/agent/status.ts';
import { listProcesses } from '../../src/agent/services/process-list.ts';
import { readReceipt } from '../../src/wire/receipt.ts';
import { verifyStatement } from '../../src/wire/signed.ts';
import { createPublicKey } from 'node:crypto';
import { converse } from '../doubles/agent-channel.ts';
import { exec, sessionName, startAgentWorld, type AgentWorld } from '../doubles/agent-world.ts';

const main = new URL('../doubles/agent-main.ts', import.meta.url).pathname;

async function newWorld(t: TestContext): Promise<AgentWorld> {
  const world = await startAgentWorld();
  t.after(() => world.close());
  return world;
}

/** `cgroups: false` as on a machine where none may be made. */
function startAgent(t: TestContext, world: AgentWorld, options: { readonly cgroups: boolean }): ChildProcess {
  const child = spawn(process.execPath, [main, world.stateDir, String(options.cgroups)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  return child;
}

/** Inodes of the sockets that a process holds. */
async function socketsOf(pid: number): Promise<ReadonlySet<string>> {
  const names = await readdir(`/proc/${pid}/fd`);
  const links = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}

/** Sockets of all network families in which a process could be reached: TCP that listens, any UDP. */
async function networkListeners(pid: number): Promise<readonly string[]> {
  const own = await socketsOf(pid);
  assert.ok(own.size > 0, 'the link is a socket');
  const found: string[] = [];
  for (const table of ['tcp', 'tcp6', 'udp', 'udp6', 'raw', 'raw6']) {
    const lines = (await readFile(`/proc/${pid}/net/${table}`, 'utf8')).split('\n').slice(1).filter(Boolean);
    for (const line of lines) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      const canBeReached = !table.startsWith('tcp') || state === '0A';
      if (canBeReached && inode !== undefined && own.has(inode)) found.push(`${table} ${local}`);
    }
  }
  return found;
}

async function processesOf(session: string): Promise<number> {
  return (await listProcesses()).filter((process) => process.session === session).length;
}

test('R-001 an agent with a live session has no listening network socket', async (t) => {
  const world = await newWorld(t);
  const agent = startAgent(t, world, { cgroups: true });
  const link = await world.nextLink();
  await link.welcome();
  const channel = await converse(await link.open(exec('cat')));
  await channel.stdin('x');
  await channel.until('x');
  assert.deepEqual(await networkListeners(agent.pid ?? 0), []);
  const path = join(world.stateDir, 'agent.sock');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  channel.endStdin();
  await channel.ended;
});

test('the check for listening sockets finds one that is there', async () => {
  const { createServer } = await import('node:net');
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  assert.equal((await networkListeners(process.pid)).length >= 1, true);
  server.close();
  await once(server, 'close');
});

for (const cgroups of [true, false]) {
  const how = cgroups ? 'cgroup' : 'process group';

  test(`I17 kill -9 of the agent: what its sessions left is ended by the next one (${how})`, async (t) => {
    const world = await newWorld(t);
    const agent = startAgent(t, world, { cgroups });
    const link = await world.nextLink();
    await link.welcome();
    const session = sessionName();
    const script = `setsid sh -c 'trap "" TERM HUP; echo up; while :; do sleep 600; done' & wait`;
    const channel = await converse(await link.open(exec('sh', '-c', script), { session }));
    await channel.until('up');
    agent.kill('SIGKILL');
    await once(agent, 'exit');
    assert.equal((await channel.ended).how, 'cut');
    assert.ok((await processesOf(session)) >= 1, 'the process that hides must have survived the agent');

    startAgent(t, world, { cgroups });
    const next = await world.nextLink();
    assert.equal(await processesOf(session), 0);
    await next.welcome();
    const body = await world.nextTold('/v1/device/receipts');
    const key = createPublicKey(world.deviceKey);
    const verified = verifyStatement('receipt', String(body['receipt']), () => key);
    const receipt = verified.ok ? readReceipt(verified.payload) : undefined;
    assert.equal(receipt?.session, session);
    assert.equal(receipt?.cause, 'agent_restarted');
    assert.equal(receipt?.processesLeft, 0);
  });
}

test('a second agent on the same state directory is refused, and the first lives on', async (t) => {
  const world = await newWorld(t);
  startAgent(t, world, { cgroups: false });
  const link = await world.nextLink();
  await link.welcome();
  const second = startAgent(t, world, { cgroups: false });
  let words = '';
  second.stderr?.on('data', (chunk: Buffer) => {
    words += chunk.toString('utf8');
  });
  const [code] = (await once(second, 'close')) as [number];
  assert.equal(code, 1);
  assert.match(words, /an agent already runs/);
  const status = await agentStatus({ state: world.stateDir });
  assert.equal(status.running?.link, 'up');
  assert.equal(status.device?.name, 'pump-7');
});

test('agent status says what runs, to its owner only, and takes no orders', async (t) => {
  const world = await newWorld(t);
  assert.equal((await agentStatus({ state: world.stateDir })).running, undefined);
  const agent = startAgent(t, world, { cgroups: false });
  const link = await world.nextLink();
  await link.welcome();
  const session = sessionName();
  const channel = await converse(await link.open(exec('cat'), { session }));
  await channel.stdin('x');
  await channel.until('x');
  const { running } = await agentStatus({ state: world.stateDir });
  assert.equal(running?.pid, agent.pid);
  assert.deepEqual(
    running?.sessions.map(({ id, name, target, channels }) => ({ id, name, target, channels })),
    [{ id: session, name: 'ana', target: 'pump-7', channels: 1 }],
  );
  const intruder = connect({ path: join(world.stateDir, 'agent.sock') });
  intruder.write('{"stop":true}\n'.repeat(100));
  intruder.resume();
  await once(intruder, 'close');
  await channel.stdin('y');
  await channel.until('xy');
  channel.endStdin();
  await channel.ended;
});
