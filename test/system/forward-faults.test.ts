// Targets that misbehave behind a `sallyport forward`, and a reader that stalls in front of it: real broker,
// agent and command line. What the far end did is what the near end sees, in words where there are any.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { limits } from '../../src/core/limits.ts';
import { residentBytes } from './proc.ts';
import type { Program } from './program.ts';
import { freePort } from '../../src/cli/demo/free-port.ts';
import { must, Stage } from './stage.ts';

const policy = `
@id("operators-see")
permit (principal in Role::"operator", action == Action::"discover", resource);

@id("services")
@maxSession("1h")
@idle("10m")
permit (principal in Role::"operator", action == Action::"forward", resource is Service);
`;

const mib = 2 ** 20;
/** Of each connection that is read at full speed. */
const readBytes = 96 * mib;
/** What the heap of a busy process is let grow by, and one window as wide as it may get. */
const growthMax = 128 * mib + limits.streamWindowMaxBytes;
/** Far more than that: whoever in between held all of it would show. */
const stalledBytes = 512 * mib;

// At once: one of them waits for most of a minute.
suite('a forward to', { concurrency: true }, () => {
  let stage: Stage;
  const servers: Server[] = [];

  before(async () => {
    stage = await Stage.ready();
    await stage.applyPolicy(policy);
  });
  after(async () => {
    for (const server of servers) server.close();
    await stage?.close();
  });

  async function serve(onConnection: (socket: Socket) => void): Promise<number> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => socket.destroy());
      onConnection(socket);
    });
    servers.push(server);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return (server.address() as AddressInfo).port;
  }

  async function forward(name: string, to: number): Promise<Forward> {
    const target = `${stage.device}/${name}`;
    const place = ['--tcp', `127.0.0.1:${to}`, '--owner', 'ana', '--class', 'workload'];
    const words = ['services', 'add', target, ...place, '--review', '2099-01-01'];
    must(await stage.admin(...words), words);
    const program = stage.start(['forward', target], stage.surroundings('ana'));
    const [, port] = await program.prints(/listening at 127\.0\.0\.1:(\d+)/);
    return { program, port: Number(port) };
  }

  test('a target that refuses is a reset here, told in words; the forward goes on', async () => {
    const port = await freePort();
    const { program, port: at } = await forward('refuses', port);
    assert.equal((await converse(at, 'hello')).how, 'cut');
    await program.prints(new RegExp(`"127\\.0\\.0\\.1:${port}" refused the connection\nnext: check`));
    const server = createServer((socket) => socket.end('there now')).listen(port, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    assert.deepEqual(await converse(at, 'hello'), { how: 'clean', heard: 'there now' });
    await close(program);
    await stage.untilRefused('service_failed');
  });

  test('a target that never accepts is a reset within the time that connecting may take, told in words', async () => {
    const silent = await startSilent();
    try {
      const { program, port: at } = await forward('hangs', silent.port);
      assert.equal((await converse(at, 'hello')).how, 'cut');
      await program.prints(
        new RegExp(`"127\\.0\\.0\\.1:${silent.port}" did not answer the device in \\d+ ms\nnext: check`),
      );
      await close(program);
    } finally {
      silent.stop();
    }
  });

  test('a target that resets in the middle is a reset here, never an end: what came before is there', async () => {
    const part = 'x'.repeat(200_000);
    const target = await serve((socket) => {
      socket.write(part);
      socket.once('data', () => socket.resetAndDestroy());
    });
    const { program, port: at } = await forward('resets', target);
    const socket = connect({ port: at, host: '127.0.0.1' });
    const end = endOf(socket);
    let heard = 0;
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.length;
      if (heard === part.length) socket.write('enough');
    });
    assert.deepEqual(await end, { how: 'cut', heard: part });
    await close(program);
  });

  test('a target that closes its half first still hears the rest, and both ends see a clean end', async () => {
    const said = Promise.withResolvers<string>();
    const target = await serve((socket) => {
      socket.end('first and last');
      void endOf(socket).then(({ how, heard }) => said.resolve(`${how} ${heard.length}`));
    });
    const { program, port: at } = await forward('half', target);
    const socket = connect({ port: at, host: '127.0.0.1', allowHalfOpen: true });
    const [, answer] = await Promise.all([once(socket, 'end'), endOf(socket, 'end')]);
    assert.deepEqual(answer, { how: 'clean', heard: 'first and last' });
    socket.end('y'.repeat(500_000));
    assert.equal(await said.promise, 'clean 500000');
    await close(program);
  });

  // Longer than a connection may be silent before it is given up: a stalled stream is not a dead peer, and the
  // rest of the way must not take it for one.
  test('a reader that stalls for longer than liveness waits gets every byte, and eight others are not held up', async (t) => {
    const target = await serve((socket) =>
      socket.once('data', (wanted) => {
        pour(socket, Number(wanted)).catch(() => socket.destroy());
      }),
    );
    const { program, port: at } = await forward('bulk', target);
    const ask = (bytes: number): Socket => {
      const socket = connect({ port: at, host: '127.0.0.1' });
      socket.pause();
      socket.write(String(bytes));
      return socket;
    };
    const readAtOnce = async (): Promise<void> => {
      const read = Array.from({ length: 8 }, async () => await readPoured(ask(readBytes)));
      for (const one of await Promise.all(read)) assert.deepEqual(one, whole(readBytes));
    };
    // The same without the one that stalls: what eight at full speed load and leave to the garbage collector
    // is not what is measured.
    await readAtOnce();
    const pids = { gate: stage.part('gate'), agent: stage.agent?.pid ?? 0, forward: program.pid };
    const before = sample(pids);
    const stalled = ask(stalledBytes);
    await once(stalled, 'connect');
    await readAtOnce();
    await pause(limits.peerDeadAfterMs + limits.pingIntervalMs);
    const held = sample(pids);
    for (const [name, bytes] of Object.entries(held)) {
      const grown = bytes - (before[name] ?? 0);
      t.diagnostic(`the ${name} holds ${Math.round(grown / mib)} MiB more while one stalls`);
      assert.ok(grown < growthMax, `the ${name} holds ${Math.round(grown / mib)} MiB more`);
    }
    assert.deepEqual(await readPoured(stalled), whole(stalledBytes));
    await close(program);
  });
});

interface Forward {
  readonly program: Program;
  readonly port: number;
}

async function close(program: Program): Promise<void> {
  program.child.kill('SIGINT');
  assert.equal((await program.exited).code, 0, program.output);
}

interface Answer {
  readonly how: 'clean' | 'cut';
  readonly heard: string;
}

/** Everything that comes until the end: `clean` for an end, `cut` for a reset. */
function endOf(socket: Socket, until: 'close' | 'end' = 'close'): Promise<Answer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let hasEnded = false;
    const tell = (how: Answer['how']): void => resolve({ how, heard: Buffer.concat(chunks).toString() });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('end', () => {
      hasEnded = true;
      if (until === 'end') tell('clean');
    });
    socket.on('error', () => tell('cut'));
    socket.once('close', () => tell(hasEnded ? 'clean' : 'cut'));
  });
}

function converse(port: number, say: string): Promise<Answer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const end = endOf(socket);
  socket.end(say);
  return end;
}

/** A port whose owner never accepts: once its queue is full, the kernel answers no more. */
async function startSilent(): Promise<{ readonly port: number; stop(): void }> {
  const script = `require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 },
    function () { console.log(this.address().port) })`;
  const child: ChildProcess = spawn(process.execPath, ['-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  assert.ok(child.stdout !== null);
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(text.toString());
  child.kill('SIGSTOP');
  const fillers: Socket[] = [];
  for (let isFull = false; !isFull;) {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => socket.destroy());
    fillers.push(socket);
    isFull = await Promise.race([once(socket, 'connect').then(() => false), pause(500, true)]);
  }
  return {
    port,
    stop() {
      for (const socket of fillers) socket.destroy();
      child.kill('SIGKILL');
    },
  };
}

const pattern = Buffer.from(Array.from({ length: 65_521 }, (_, at) => (at * 31 + (at >> 8)) & 0xff));

/** The pattern again and again, so that a piece that is lost or moved shows. */
async function pour(socket: Socket, bytes: number): Promise<void> {
  for (let left = bytes; left > 0; left -= pattern.length) {
    if (!socket.write(pattern.subarray(0, Math.min(left, pattern.length)))) await once(socket, 'drain');
  }
  socket.end();
}

interface Poured {
  readonly bytes: number;
  readonly how: Answer['how'];
  readonly isWhole: boolean;
}

function whole(bytes: number): Poured {
  return { bytes, how: 'clean', isWhole: true };
}

function readPoured(socket: Socket): Promise<Poured> {
  return new Promise((resolve) => {
    let bytes = 0;
    let isWhole = true;
    let hasEnded = false;
    const tell = (how: Answer['how']): void => resolve({ bytes, how, isWhole });
    socket.on('data', (chunk: Buffer) => {
      for (let at = 0; at < chunk.length;) {
        const from = (bytes + at) % pattern.length;
        const part = chunk.subarray(at, at + pattern.length - from);
        isWhole &&= part.equals(pattern.subarray(from, from + part.length));
        at += part.length;
      }
      bytes += chunk.length;
    });
    socket.once('end', () => {
      hasEnded = true;
    });
    socket.on('error', () => tell('cut'));
    socket.once('close', () => tell(hasEnded ? 'clean' : 'cut'));
    socket.resume();
  });
}

function sample(pids: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, residentBytes(pid)]));
}
