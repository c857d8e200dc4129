// What people get wrong, told by the real program: a wrong flag, a name that is not there, a broker that is
// not there or cannot start. Each answer has its exit status, says what happened, and what to do next.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, suite, test } from 'node:test';
import type { Ran } from './program.ts';
import { freePort } from '../../src/cli/demo/free-port.ts';
import { openFolder, Stage } from './stage.ts';

/** A token in good form that no broker here ever made. */
const random = (): string => randomBytes(32).toString('base64url');
const foreignInvite = `sp2.h.${random()}.${random()}`;

/** Words for a person: what happened, and what to do next; never a stack. */
function assertSays(ran: Ran, status: number, words: RegExp): void {
  assert.equal(ran.code, status, ran.stderr);
  assert.match(ran.stderr, words);
  assert.match(ran.stderr, /^next: \S|^ {2}sallyport|see "/m, ran.stderr);
  assert.doesNotMatch(ran.stderr, /^\s+at |node:internal|something failed here that should not/m);
}

suite('what is typed', () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.ready();
  });
  after(async () => {
    await stage?.close();
  });

  test('a wrong flag, a missing argument, an unknown command and a bad value are 2', async () => {
    assertSays(await stage.ana('exec', '--colour', stage.device, '--', 'true'), 2, /--colour/);
    assertSays(await stage.ana('shell'), 2, /TARGET is missing/);
    assertSays(await stage.ana('exec'), 2, /the command to run is missing/);
    assertSays(await stage.ana('exce', stage.device), 2, /unknown command "exce"\nnext: did you mean .*exec/);
    assertSays(await stage.ana('shell', stage.device, '--for', 'long'), 2, /"long"/);
    assertSays(await stage.ana('exec', 'Not A Target', '--', 'true'), 2, /not a target/);
    assertSays(await stage.ana('exec', `${stage.device}/\u001b[31m`, '--', 'true'), 2, /not a target/);
  });

  test('an unknown target is 69, and no event tells it from one that may not be seen', async () => {
    const ran = await stage.ana('exec', 'nowhere', '--', 'true');
    assertSays(ran, 69, /there is no target "nowhere" that you may see/);
    assert.equal(ran.stdout, '');
  });

  test('a target that is known and not linked is 69', async () => {
    await stage.joinDevice('resting');
    assertSays(await stage.ana('exec', 'resting', '--', 'true'), 69, /"resting"/);
  });

  test('a command that is not there is the status that a shell gives it, and no fault of ours', async () => {
    const ran = await stage.ana('exec', stage.device, '--', '/no/such/command');
    assert.ok(ran.code === 127 || ran.code === 255, `${ran.code}: ${ran.stderr}`);
    assert.match(ran.stderr, /no\/such\/command/);
  });

  test('a broker that is not there is 69', async () => {
    const port = await freePort();
    const words = ['login', `localhost:${port}`, '--invite', foreignInvite];
    assertSays(await stage.ana(...words), 69, /nothing listens at "localhost:\d+"/);
    assertSays(await stage.ana('whoami', '--broker', `localhost:${port}`), 77, /not signed in/);
  });

  test('a broker that went away is 69', async () => {
    const other = await Stage.open();
    try {
      await other.signInPeople(await other.startBroker());
      await other.broker?.end();
      assertSays(await other.ana('exec', 'pump', '--', 'true'), 69, /nothing listens at/);
    } finally {
      await other.close();
    }
  });

  test('something else that listens there is 69', async (t) => {
    const server = createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    t.after(() => server.close());
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    assertSays(await stage.ana('login', `localhost:${port}`, '--invite', foreignInvite), 69, /localhost:\d+/);
  });

  test('L3 another broker at the address is refused by the fingerprint in the token', async () => {
    assertSays(await stage.ana('login', stage.address, '--invite', foreignInvite), 77, /another fingerprint/);
    const token = foreignInvite.replace('sp2.h', 'sp2.d');
    const words = ['agent', 'join', stage.address, '--token', token, '--state', join(stage.folder, 'x')];
    const ran = await stage.run(words, stage.surroundings('device'));
    assertSays(ran, 77, /another fingerprint/);
  });

  test('I5 a token works once', async () => {
    const invited = (await stage.adminJson('devices', 'invite', 'once', '--owner', 'ana')) as {
      token: string;
    };
    const join2 = async (state: string): Promise<Ran> =>
      await stage.run(
        ['agent', 'join', stage.address, '--token', invited.token, '--state', join(stage.folder, state)],
        stage.surroundings('device'),
      );
    assert.equal((await join2('once-1')).code, 0);
    assertSays(await join2('once-2'), 77, /token/);
    assert.ok(!(await readdir(stage.folder)).includes('once-2'), 'nothing that looks like a device is left');
  });

  test('L20 a home that others may read is refused', async () => {
    const home = stage.surroundings('ana').env['SALLYPORT_HOME'] ?? '';
    await chmod(home, 0o755);
    const ran = await stage.ana('whoami');
    await chmod(home, 0o700);
    assertSays(ran, 1, /home-ana/);
    assert.equal((await stage.ana('whoami')).code, 0);
  });
});

suite('a broker that cannot start', () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open();
  });
  after(async () => {
    await stage?.close();
  });

  async function runBroker(dir: string, listen = '127.0.0.1:0', more: { uid?: number } = {}): Promise<Ran> {
    const surroundings = { ...stage.surroundings('broker'), ...more };
    const words = ['broker', 'run', '--data', dir, '--listen', listen, '--name', 'localhost'];
    return await stage.start(words, surroundings).finished();
  }

  test('a port that is taken is 1, with the port', async (t) => {
    const server = createServer();
    t.after(() => server.close());
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const ran = await runBroker(join(stage.folder, 'taken'), `127.0.0.1:${port}`);
    assertSays(ran, 1, new RegExp(`the port "127.0.0.1:${port}" is taken by another program`));
    assert.doesNotMatch(ran.stdout, /listening/);
  });

  test('a data directory that cannot be written is 1, with its path', async () => {
    const open = await openFolder(stage, 'not-yours');
    const dir = join(open, 'data');
    if (process.getuid?.() === 0) {
      const nobody = 65_534;
      assertSays(
        await runBroker(dir, '127.0.0.1:0', { uid: nobody }),
        1,
        /cannot create ".*not-yours\/data"/,
      );
    } else {
      await chmod(open, 0o555);
      assertSays(await runBroker(dir), 1, /cannot create ".*not-yours\/data"/);
    }
  });

  test('L20 a data directory that others may read is refused', async () => {
    const dir = join(stage.folder, 'loose');
    await mkdir(dir);
    await chmod(dir, 0o777);
    assertSays(await runBroker(dir), 1, /loose/);
  });

  test('L20 a misspelt key in the configuration is refused, with the keys that there are', async () => {
    const dir = join(stage.folder, 'misspelt');
    await mkdir(dir, { mode: 0o700 });
    await writeFile(join(dir, 'broker.yaml'), 'name: localhost\nlisen: "127.0.0.1:0"\n', { mode: 0o600 });
    assertSays(await runBroker(dir), 2, /unknown key "lisen"; the keys are name, listen/);
  });

  test('a data directory of a newer version is refused and left as it is', async () => {
    const dir = join(stage.folder, 'newer');
    const first = stage.start(
      ['broker', 'run', '--data', dir, '--listen', '127.0.0.1:0', '--name', 'localhost'],
      stage.surroundings('broker'),
    );
    await first.prints(/listening on/);
    await first.end();
    const path = join(dir, 'authority', 'store.db');
    const db = new DatabaseSync(path);
    db.prepare('insert into kysely_migration (name, timestamp) values (?, ?)').run('9999_future', 'now');
    db.close();
    const { size } = await stat(path);
    assertSays(await runBroker(dir), 1, /written by a newer version: its schema is at "9999_future"/);
    assert.equal((await stat(path)).size, size);
  });

  test('a second broker on the same data is refused, and the first one goes on', async () => {
    const dir = join(stage.folder, 'shared');
    const first = stage.start(
      ['broker', 'run', '--data', dir, '--listen', '127.0.0.1:0', '--name', 'localhost'],
      stage.surroundings('broker'),
    );
    await first.prints(/listening on/);
    assertSays(await runBroker(dir), 1, /another broker is running on ".*shared"/);
    assert.equal(first.hasExited, false);
    assert.equal((await first.end()).code, 0);
  });
});
