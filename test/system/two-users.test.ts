// The broker as its services run it: authority and gate as two different users, with the command lines and the
// accounts of the units that "broker service install" writes. The gate's user carries everything and reaches
// neither key nor database, whatever it tries; a third user reaches not even the sockets.

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { gateConfinement } from '../../src/cli/broker/confinement.ts';
import { brokerUnits } from '../../src/cli/service/broker-units.ts';
import { entry, mustRun, runCommand, until } from './program.ts';
import { freePort } from '../../src/cli/demo/free-port.ts';
import { must, sitePolicy, Stage } from './stage.ts';

const why =
  process.getuid?.() === 0
    ? (await runCommand(['setpriv', '--version']).catch(() => undefined)) === undefined
      ? 'no setpriv here'
      : false
    : 'becoming other users takes root';

/** Ids that no account has: what the kernel enforces needs no names. */
const ids: Readonly<Record<string, number>> = {
  'sallyport-authority': 61_001,
  'sallyport-gate': 61_002,
  'sallyport-control': 61_003,
  stranger: 61_004,
};

function idOf(name: string): number {
  const id = ids[name];
  assert.ok(id !== undefined, `"${name}" is no user here`);
  return id;
}

/** What a unit says of whom it runs as, for setpriv. */
function become(unit: string): readonly string[] {
  const of = (key: string): string | undefined => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1];
  const more = of('SupplementaryGroups');
  return [
    'setpriv',
    `--reuid=${idOf(of('User') ?? '')}`,
    `--regid=${idOf(of('Group') ?? '')}`,
    more === undefined ? '--clear-groups' : `--groups=${idOf(more)}`,
    '--inh-caps=-all',
    '--bounding-set=-all',
    '--no-new-privs',
    '--',
  ];
}

suite('authority and gate as two users', { skip: why }, () => {
  let stage: Stage;
  let runDir: string;
  let dataDir: string;
  let units: { readonly authority: string; readonly gate: string };
  const running: ChildProcess[] = [];

  before(async () => {
    const port = await freePort();
    stage = await Stage.open({ listen: `127.0.0.1:${port}`, address: `localhost:${port}` });
    await chmod(stage.folder, 0o755);
    [dataDir, runDir] = [join(stage.folder, 'data'), join(stage.folder, 'run')];
    // As tmpfiles.d makes them.
    const owner = idOf('sallyport-authority');
    await mkdir(dataDir, { mode: 0o700 });
    await chown(dataDir, owner, owner);
    const config = join(dataDir, 'broker.yaml');
    await writeFile(config, `name: localhost\nlisten: '127.0.0.1:${port}'\n`, { mode: 0o600 });
    await chown(config, owner, owner);
    await mkdir(runDir);
    await chown(runDir, owner, idOf('sallyport-control'));
    await chmod(runDir, 0o2750);
    const made = brokerUnits({
      program: [process.execPath, entry],
      gateProgram: [process.execPath, ...gateConfinement(entry), entry],
      dataDir,
      runDir,
      config: { name: 'localhost', listen: { host: '127.0.0.1', port }, drainMs: 10_000 },
    });
    const [authority, gate] = made.units.map(({ text }) => text);
    units = { authority: authority ?? '', gate: gate ?? '' };
    await start(units.authority);
    await until('the authority listens', () => hasSocket('control.sock'));
    await start(units.gate, /"the front door is open"/);
  });

  after(async () => {
    // In the order of a stop: the gate first.
    for (const child of running.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    await stage?.close();
  });

  async function start(unit: string, says?: RegExp): Promise<void> {
    const line = /^ExecStart=(.*)$/m.exec(unit)?.[1] ?? '';
    assert.doesNotMatch(line, /["\\%$]/, 'nothing in it needs systemd to read');
    const [command = '', ...args] = [...become(unit), ...line.split(' ')];
    const env = { PATH: process.env['PATH'], HOME: '/nonexistent', SALLYPORT_TEST_STAGE: stage.folder };
    const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'pipe'], env });
    running.push(child);
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject).once('exit', (code) => reject(new Error(`ended with ${code}: ${said}`)));
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        if (says?.test(said) === true) resolve();
      });
      if (says === undefined) child.once('spawn', resolve);
    });
  }

  async function hasSocket(name: string): Promise<boolean> {
    return (await readdir(runDir)).includes(name);
  }

  /** A command as the gate's user, with its group but without the confinement of its process. */
  function asGate(...words: readonly string[]) {
    return runCommand([...become(units.gate), ...words]);
  }

  /** What becomes of a connection to that socket. */
  function connecting(who: readonly string[], path: string) {
    const code = `require('node:net').connect(${JSON.stringify(path)})
      .on('connect', () => { console.log('connected'); process.exit(); })
      .on('error', (error) => { console.log(error.code); process.exit(); });`;
    return mustRun([...who, process.execPath, '-e', code]).then((text) => text.trim());
  }

  test('a broker in two halves works as one: sign-in, join, a session, an honest log', async () => {
    const invited = await stage.run(
      ['broker', 'invite', 'admin', '--data', dataDir, '--json'],
      stage.surroundings('broker'),
    );
    const { token } = JSON.parse(must(invited, ['broker', 'invite'])) as { token: string };
    await stage.signInPeople(token);
    await stage.joinDevice();
    await stage.startAgent();
    await stage.applyPolicy(sitePolicy);
    const ran = await stage.ana('exec', stage.device, '--', 'sh', '-c', 'echo here; exit 7');
    assert.deepEqual([ran.code, ran.stdout], [7, 'here\n'], ran.stderr);
    must(await stage.admin('audit', 'verify'), ['audit', 'verify']);
  });

  test('a second first administrator is not to be had', async () => {
    const words = ['broker', 'invite', 'eve', '--data', dataDir];
    const ran = await stage.run(words, stage.surroundings('broker'));
    assert.equal(ran.code, 69, ran.stdout);
    assert.match(ran.stderr, /eve/);
  });

  test('L20 the two really are two users, and what the authority wrote is its own', async () => {
    const [authority, gate] = await Promise.all(running.map(({ pid }) => stat(`/proc/${pid}`)));
    assert.deepEqual([authority?.uid, gate?.uid], [61_001, 61_002]);
    const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
    assert.ok(entries.some(({ name }) => name === 'store.db') && entries.length > 8);
    for (const { parentPath, name } of entries) {
      const { uid, mode } = await stat(join(parentPath, name));
      assert.deepEqual([uid, mode & 0o077], [61_001, 0], join(parentPath, name));
    }
  });

  test("the gate's user reads neither key nor database, and writes neither", async () => {
    const files = ['authority/store.db', 'authority/store.db-wal', 'broker.yaml', 'authority/keys'];
    const keys = await readdir(join(dataDir, 'authority/keys'));
    assert.ok(keys.length > 2);
    for (const name of [...files, ...keys.map((key) => `authority/keys/${key}`), '.']) {
      const path = join(dataDir, name);
      for (const words of [
        ['cat', path],
        ['ls', path],
        ['touch', path],
        ['rm', '-rf', path],
      ]) {
        const ran = await asGate(...words);
        assert.notEqual(ran.code, 0, words.join(' '));
        assert.match(ran.stderr, /Permission denied/);
      }
    }
    // Nor by way of the process that has them open.
    const pid = String(running[0]?.pid);
    for (const words of [
      ['cat', `/proc/${pid}/mem`],
      ['cat', `/proc/${pid}/environ`],
      ['ls', `/proc/${pid}/fd/`],
      ['ls', `/proc/${pid}/cwd/`],
      ['kill', '-9', pid],
    ]) {
      assert.match((await asGate(...words)).stderr, /[Pp]ermission denied|not permitted/, words.join(' '));
    }
  });

  test('the gate may use the sockets of the shared directory, and neither replace them nor ask at the local door', async () => {
    const gate = become(units.gate);
    assert.equal(await connecting(gate, join(runDir, 'control.sock')), 'connected');
    assert.equal(await connecting(gate, join(dataDir, 'run/local.sock')), 'EACCES');
    for (const words of [
      ['rm', '-f', join(runDir, 'control.sock')],
      ['mv', join(runDir, 'api.sock'), join(runDir, 'x')],
      ['touch', join(runDir, 'x')],
      ['chmod', '777', runDir],
    ]) {
      const ran = await asGate(...words);
      assert.match(ran.stderr, /denied|not permitted/, words.join(' '));
    }
  });

  test('a user who is in no group of ours reaches no socket', async () => {
    const id = idOf('stranger');
    const stranger = ['setpriv', `--reuid=${id}`, `--regid=${id}`, '--clear-groups', '--'];
    for (const name of ['control.sock', 'api.sock', 'api-mtls.sock'])
      assert.equal(await connecting(stranger, join(runDir, name)), 'EACCES', name);
  });

  test('a second authority on the same data is refused while the first lives', async () => {
    const [command = '', ...args] = [
      ...become(units.authority),
      ...(/^ExecStart=(.*)$/m.exec(units.authority)?.[1] ?? '').split(' '),
    ];
    const ran = await runCommand([command, ...args]);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /another broker is running on/);
  });

  test('the authority ends and comes back by itself; the gate stays, and sessions open again', async () => {
    const [authority, gate] = running;
    assert.ok(authority !== undefined && gate !== undefined);
    authority.kill('SIGKILL');
    await once(authority, 'exit');
    await start(units.authority);
    await stage.untilOnline();
    const ran = await until('a session opens', async () => {
      const one = await stage.ana('exec', stage.device, '--', 'echo', 'again');
      return one.code === 0 && one.stdout;
    });
    assert.equal(ran, 'again\n');
    assert.equal(gate.exitCode, null);
  });
});
