// `sallyport forward` as people use it: real broker, agent and command line, real programs at both ends. What
// it carries is on the log, what it may not reach it does not, and what ends it says why.

import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { findPostgres, startPostgres } from '../../src/cli/demo/postgres.ts';
import { mustRun, until, type Program } from './program.ts';
import { freePort } from '../../src/cli/demo/free-port.ts';
import { must, Stage } from './stage.ts';

const policy = `
@id("operators-see")
permit (principal in Role::"operator", action == Action::"discover", resource);

@id("services")
@maxSession("1h")
@idle("10m")
permit (principal in Role::"operator", action == Action::"forward", resource is Service);

@id("one-place")
@maxSession("1h")
permit (principal in Role::"operator", action == Action::"forward", resource is Device)
when { context has host && (context.host == "localhost" || context.host == "169.254.169.254") };
`;

const postgres = await findPostgres();
const whyNoPostgres = postgres === undefined ? 'no PostgreSQL on this machine' : false;

suite('a forward', () => {
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
    return await listening(server);
  }

  async function listening(server: Server): Promise<number> {
    servers.push(server);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return (server.address() as AddressInfo).port;
  }

  async function addService(name: string, port: number): Promise<string> {
    const target = `${stage.device}/${name}`;
    const place = ['--tcp', `127.0.0.1:${port}`, '--owner', 'ana', '--class', 'workload'];
    const words = ['services', 'add', target, ...place, '--review', '2099-01-01'];
    must(await stage.admin(...words), words);
    return target;
  }

  async function forward(
    ...words: readonly string[]
  ): Promise<{ readonly program: Program; readonly port: number }> {
    const program = stage.start(['forward', ...words], stage.surroundings('ana'));
    const [, port] = await program.prints(/listening at 127\.0\.0\.1:(\d+)/);
    return { program, port: Number(port) };
  }

  test('curl of a real web server through it, and the log says where it ended up', async () => {
    const body = Buffer.alloc(3_000_000, 'sallyport ');
    const http = await listening(
      createHttpServer((request, response) => response.end(request.url === '/big' ? body : 'small')),
    );
    const { program, port } = await forward(await addService('web', http));
    const at = `http://127.0.0.1:${port}`;
    assert.equal(await mustRun(['curl', '-sS', '--max-time', '20', `${at}/`]), 'small');
    assert.equal(await mustRun(['curl', '-sS', '--max-time', '20', `${at}/big`]), body.toString());
    const closed = await until('both connections are on the log', async () => {
      const events = await stage.events('--type', 'channel.closed');
      return events.length >= 2 ? events : undefined;
    });
    for (const { body: seen } of closed) {
      assert.equal(seen?.['peer'], `127.0.0.1:${http}`);
      assert.equal(typeof seen?.['durationMs'], 'number');
    }
    assert.ok(closed.some(({ body: seen }) => Number(seen?.['bytesDown']) > body.length));
    program.child.kill('SIGINT');
    assert.equal((await program.exited).code, 0);
    const ended = await stage.untilSession('that ended', (session) => !session.live);
    assert.equal(ended.endReason, 'exit');
    await stage.untilSession('with a receipt', (session) => session.teardown === 'confirmed');
  });

  test('psql of a real PostgreSQL through it', { skip: whyNoPostgres }, async () => {
    assert.ok(postgres !== undefined);
    const database = await startPostgres(postgres);
    try {
      const { program, port } = await forward(await addService('db', database.port));
      assert.equal(await database.query(port, 'select 6 * 7'), '42');
      const rows = await database.query(
        port,
        'select repeat(md5(i::text), 100) from generate_series(1, 1000) i',
      );
      assert.equal(rows.split('\n').length, 1_000);
      program.child.kill('SIGINT');
      assert.equal((await program.exited).code, 0);
    } finally {
      await database.stop();
    }
  });

  test('L15 a request that ends before its answer gets the whole answer, as with nc -N', async () => {
    const target = await serve((socket) => {
      let count = 0;
      socket.on('data', (chunk: Buffer) => (count += chunk.length));
      socket.on('end', () => socket.end(`${count} bytes, ${'.'.repeat(100_000)}whole`));
    });
    const { program, port } = await forward(await addService('count', target));
    for (const say of ['x', 'y'.repeat(500_000)]) {
      const heard = await ask(port, say);
      assert.ok(heard.startsWith(`${say.length} bytes, .`) && heard.endsWith('.whole'), heard.slice(0, 40));
    }
    program.child.kill('SIGINT');
    await program.exited;
  });

  test('L8 L10 what policy does not open is denied at once; what nobody opens is refused by the device', async () => {
    const place = ['forward', stage.device, '--to'];
    const denied = await stage.ana(...place, '10.0.0.1:80');
    assert.equal(denied.code, 77);
    assert.match(denied.stderr, /policy does not let you forward/);
    const missing = await stage.ana('forward', `${stage.device}/nothing`);
    assert.equal(missing.code, 69);

    // A policy that names the metadata service opens it all the same to nobody.
    const { program, port } = await forward(stage.device, '--to', '169.254.169.254:80');
    assert.equal(await ask(port, 'GET / HTTP/1.0\r\n\r\n'), 'reset');
    await program.prints(/169\.254\.169\.254:80" is the metadata service of a cloud/);
    await stage.untilRefused('destination_refused');
    program.child.kill('SIGINT');
    assert.equal((await program.exited).code, 0);
    // The broker itself, by the way that is open.
    const broker = await forward(stage.device, '--to', `localhost:${stage.address.split(':').at(-1)}`);
    assert.equal(await ask(broker.port, 'hello'), 'reset');
    await broker.program.prints(/the broker itself/);
    broker.program.child.kill('SIGINT');
    await broker.program.exited;
  });

  test('a lock cuts every connection within a second, and the forward says why and ends with 255', async () => {
    const open = new Set<Socket>();
    const target = await serve((socket) => {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
    });
    const { program, port } = await forward(await addService('held', target));
    const clients = Array.from({ length: 20 }, () => connect({ port, host: '127.0.0.1' }));
    const cut = clients.map(
      (socket) =>
        new Promise<number>((resolve) => {
          socket.on('error', () => undefined);
          socket.once('close', () => resolve(performance.now()));
        }),
    );
    await until('all are through', () => open.size === 20);
    const words = ['lock', 'add', '--device', stage.device, '--reason', 'not now'];
    const locked = stage.admin(...words).then((ran) => ({ ran, at: performance.now() }));
    const last = Math.max(...(await Promise.all(cut)));
    const { ran, at } = await locked;
    must(ran, words);
    assert.ok(last - at < 1_000, `${last - at} ms after the lock was told`);
    await until('nothing is left at the target', () => open.size === 0);
    const { code, stderr } = await program.finished();
    assert.equal(code, 255);
    assert.match(stderr, /session ended: a lock was placed: .*not now/);
    for (const { id } of (await stage.adminJson('locks', 'ls')) as readonly { readonly id: string }[]) {
      must(await stage.admin('unlock', id), ['unlock']);
    }
    await stage.untilOnline();
  });

  test('a port that nobody has connected to yet ends with its session too, and a gate that is gone is told', async () => {
    const { program } = await forward(await addService('idle', await freePort()));
    process.kill(stage.part('gate'), 'SIGKILL');
    const { code, stderr } = await program.finished();
    assert.equal(code, 255);
    assert.match(stderr, /session ended: /);
    await stage.untilOnline();
  });
});

/** Says something, ends, and resolves with the whole answer; "reset" when it was cut. */
function ask(port: number, say: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const heard: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => heard.push(chunk));
    socket.on('end', () => resolve(Buffer.concat(heard).toString()));
    socket.on('error', () => resolve('reset'));
    socket.end(say);
  });
}
