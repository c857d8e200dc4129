// L12 with real processes: nobody reads what a target sends without end. Few connections, since what fills the
// kernel's buffers counts for the whole machine: two hundred of them bring it near the point where it slows every
// connection (test/flows/unread-memory.test.ts has ten thousand, with small buffers in a network of their own).

import assert from 'node:assert/strict';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { getDefaultHighWaterMark } from 'node:stream';
import { after, before, suite, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { limits } from '../../src/core/limits.ts';
import { bytesMoved, isAlive, residentBytes } from './proc.ts';
import { until } from './program.ts';
import { must, Stage } from './stage.ts';

const policy = `
@id("operators-see")
permit (principal in Role::"operator", action == Action::"discover", resource);

@id("operators-work")
@maxSession("1h")
@idle("10m")
permit (principal in Role::"operator", action in [Action::"exec", Action::"forward"], resource);
`;

const count = 60;
const mib = 2 ** 20;
const stillMs = 1_500;
/** Of a piece that is read from a socket or a stream. */
const pieceBytes = 64 * 1024;
/** Streams and their closures, and heaps that are not collected yet. */
const slackBytes = 256 * mib;
/** In front of each stream that takes no more: its own buffer, and the piece that overfilled it. */
const unsentMax = count * (getDefaultHighWaterMark(false) + pieceBytes);
/** A window is halved whenever all together would be too much; each size let in half of that more. */
const receivedAheadMax =
  limits.streamWindowsTotalBytes *
  (1 + Math.ceil(Math.log2((count * limits.streamWindowMaxBytes) / limits.streamWindowsTotalBytes)) / 2);

suite('connections that nobody reads', () => {
  let stage: Stage;
  let server: Server;
  const open = new Set<Socket>();

  before(async () => {
    stage = await Stage.ready();
    await stage.applyPolicy(policy);
    server = createServer((socket) => {
      open.add(socket);
      socket.on('error', () => socket.destroy());
      socket.once('close', () => open.delete(socket));
      const chunk = Buffer.alloc(pieceBytes);
      const pour = (): void => {
        while (socket.write(chunk));
      };
      socket.on('drain', pour);
      pour();
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
  });
  after(async () => {
    server?.close();
    await stage?.close();
  });

  test('L12 they hold a bounded part in gate and agent, and others go on, on that device and another', async (t) => {
    const other = `${stage.device}-other`;
    await stage.joinDevice(other);
    stage.start(['agent', 'run', '--state', stage.stateDir(other)], stage.surroundings('device'));
    await stage.untilOnline(other);
    const bytes = 8 * mib;
    const work = async (device: string): Promise<void> => {
      const words = ['exec', device, '--', 'sh', '-c', `head -c ${bytes} /dev/zero | wc -c; exit 7`];
      const ran = await stage.ana(...words);
      assert.deepEqual([ran.code, ran.stdout.trim()], [7, String(bytes)], ran.stderr);
    };
    // Also what loads the code that is not measured.
    await Promise.all([work(stage.device), work(other)]);

    const target = `${stage.device}/pouring`;
    const { port } = server.address() as AddressInfo;
    const place = ['--tcp', `127.0.0.1:${port}`, '--owner', 'ana', '--class', 'workload'];
    const words = ['services', 'add', target, ...place, '--review', '2099-01-01'];
    must(await stage.admin(...words), words);
    const forward = stage.start(['forward', target], stage.surroundings('ana'));
    const [, at] = await forward.prints(/listening at 127\.0\.0\.1:(\d+)/);
    const pids = { gate: stage.part('gate'), agent: stage.agent?.pid ?? 0 };
    const before = { gate: residentBytes(pids.gate), agent: residentBytes(pids.agent) };

    const clients = Array.from({ length: count }, () => {
      const socket = connect({ port: Number(at), host: '127.0.0.1' });
      socket.on('error', () => socket.destroy());
      return socket.pause();
    });
    await until('all are through', () => open.size === count);
    await until('nothing flows any more', async () => {
      const moved = Object.values(pids).map(bytesMoved);
      await pause(stillMs);
      return Object.values(pids).every((pid, n) => bytesMoved(pid) - (moved[n] ?? 0) < 64 * 1024);
    });
    const most = { gate: receivedAheadMax + unsentMax + slackBytes, agent: unsentMax + slackBytes };
    for (const name of ['gate', 'agent'] as const) {
      const grown = residentBytes(pids[name]) - before[name];
      const said = `the ${name} holds ${Math.round(grown / mib)} MiB of at most ${Math.round(most[name] / mib)}`;
      t.diagnostic(said);
      assert.ok(grown < most[name], said);
    }
    await Promise.all([work(stage.device), work(other)]);

    assert.equal(clients.filter((socket) => !socket.destroyed).length, count);
    forward.child.kill('SIGINT');
    assert.equal((await forward.exited).code, 0, forward.output);
    await until('nothing is left at the target', () => open.size === 0);
    assert.ok(isAlive(pids.gate) && isAlive(pids.agent));
    await work(stage.device);
  });
});
