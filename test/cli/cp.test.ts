// cp as it is typed: real program, real TLS, a broker that grants, and our own files server behind it.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, test } from 'node:test';
import type { FilesParams } from '../../src/core/channel.ts';
import { SallyportError } from '../../src/core/errors.ts';
import { pump } from '../../src/link/pump.ts';
import { checkOpen, endSessions, grantSessions, sessionId } from './channel-double.ts';
import { startFakeBroker } from './fake-broker.ts';
import { outcomeOf, runCli, signedIn, startCli, type Ran } from './run-cli.ts';
import { startOurs, type ServerUnderTest } from './sftp-server.ts';

let asked: FilesParams | undefined;
let onServer: (server: ServerUnderTest) => void = () => undefined;
const servers: ServerUnderTest[] = [];
const ends: string[] = [];

const broker = await startFakeBroker({
  onChannel(request) {
    const { params } = checkOpen(request);
    assert.ok(params.kind === 'files');
    asked = params;
    const server = startOurs(params);
    servers.push(server);
    onServer(server);
    void pump(request.accept(), server.stream).then(({ ended }) => ends.push(ended));
  },
});
const home = await signedIn(broker);
after(async () => {
  home.remove();
  await broker.close();
});

let here = '';
let device = '';
beforeEach(() => {
  here = mkdtempSync(join(tmpdir(), 'sallyport-cp-here-'));
  device = mkdtempSync(join(tmpdir(), 'sallyport-cp-device-'));
  grantSessions(broker);
});
afterEach(async () => {
  onServer = () => undefined;
  await Promise.all(servers.splice(0).map((server) => server.end()));
  for (const folder of [here, device]) rmSync(folder, { recursive: true, force: true });
});

async function cp(...words: readonly string[]): Promise<Ran> {
  return await runCli(['cp', ...words], { home: home.path });
}

test('a file goes up and comes back without a word, and the session is asked for exactly its path', async () => {
  writeFileSync(join(here, 'fw.bin'), 'firmware');
  assert.deepEqual(await cp(join(here, 'fw.bin'), `pump-7:${device}/fw.bin`), {
    status: 0,
    stdout: '',
    stderr: '',
  });
  assert.deepEqual(asked, { kind: 'files', mode: 'write', roots: [`${device}/fw.bin`] });
  assert.equal(readFileSync(join(device, 'fw.bin'), 'utf8'), 'firmware');
  assert.deepEqual(await cp(`pump-7:${device}/*.bin`, join(here, 'back')), {
    status: 0,
    stdout: '',
    stderr: '',
  });
  assert.deepEqual(asked, { kind: 'files', mode: 'read', roots: [device] });
  assert.equal(readFileSync(join(here, 'back'), 'utf8'), 'firmware');
  assert.deepEqual(ends, ['clean', 'clean']);
});

test('--json gives one line for each file, with its hash', async () => {
  mkdirSync(join(here, 'd'));
  writeFileSync(join(here, 'd/a'), 'hello');
  symlinkSync('a', join(here, 'd/link'));
  const ran = await cp('--json', '-r', join(here, 'd'), `pump-7:${device}/d`);
  assert.equal(ran.status, 0, ran.stderr);
  assert.deepEqual(JSON.parse(ran.stdout), {
    from: join(here, 'd/a'),
    to: `${device}/d/a`,
    status: 'copied',
    bytes: 5,
    sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
  });
  assert.equal(ran.stderr, `sallyport: left out "${here}/d/link": a symbolic link\n`);
});

test('a denial says what would help, exits 77, and no channel is opened', async () => {
  asked = undefined;
  broker.routes.set('POST /v1/sessions', () => {
    throw new SallyportError('denied', 'policy does not let you upload to "pump-7"', {
      help: ['an approval by "night-lead"'],
    });
  });
  writeFileSync(join(here, 'a'), 'a');
  const ran = await cp(join(here, 'a'), `pump-7:${device}/a`);
  assert.equal(ran.status, 77);
  assert.match(ran.stderr, /policy does not let you upload to "pump-7"\nwhat would help: an approval/);
  assert.equal(asked, undefined);
});

test('what is not here is said without asking the broker', async () => {
  const before = broker.asked.length;
  const ran = await cp(join(here, 'missing'), `pump-7:${device}/a`);
  assert.deepEqual(ran, {
    status: 1,
    stdout: '',
    stderr: `sallyport: "${here}/missing" is not there\nnext: check the path\n`,
  });
  assert.equal((await cp('a', 'b')).status, 2);
  assert.equal((await cp('a')).status, 2);
  assert.equal((await cp(here, `pump-7:${device}/a`)).status, 2);
  assert.equal(broker.asked.length, before);
});

test('a file that the device does not give is named with the reason, and exits 1', async () => {
  const ran = await cp(`pump-7:${device}/missing`, here);
  assert.equal(ran.status, 1);
  assert.equal(ran.stderr, `sallyport: "pump-7:${device}/missing" is not there\nnext: check the path\n`);
});

test('a session that is cut says why, leaves the old file, and how to go on', async () => {
  endSessions(broker, 'lock', 'stolen');
  writeFileSync(join(here, 'big'), randomBytes(64 * 1024 * 1024));
  writeFileSync(join(device, 'big'), 'old');
  onServer = ({ child }) => {
    // The first answers are the version and the limits: by the tenth the file is on its way.
    let answers = 0;
    child.stdout?.on('data', () => {
      answers += 1;
      if (answers === 10) child.kill('SIGKILL');
    });
  };
  const ran = await cp(join(here, 'big'), `pump-7:${device}/big`);
  assert.equal(ran.status, 255);
  assert.equal(
    ran.stderr,
    'sallyport: the same command with --resume goes on from here\n' +
      'sallyport: session ended: a lock was placed: stolen\n' +
      `next: sallyport sessions show ${sessionId}\n`,
  );
  assert.equal(readFileSync(join(device, 'big'), 'utf8'), 'old');
});

test('Ctrl-C stops the copy, keeps the old file, and exits 130', async () => {
  writeFileSync(join(here, 'big'), randomBytes(64 * 1024 * 1024));
  writeFileSync(join(device, 'big'), 'old');
  const cli = startCli(['cp', join(here, 'big'), `pump-7:${device}/big`], { home: home.path });
  onServer = ({ child }) => {
    let answers = 0;
    child.stdout?.on('data', () => {
      answers += 1;
      if (answers === 10) cli.kill('SIGINT');
    });
  };
  const ran = await outcomeOf(cli);
  assert.equal(ran.status, 130);
  assert.equal(ran.stderr, 'sallyport: the same command with --resume goes on from here\n');
  assert.equal(readFileSync(join(device, 'big'), 'utf8'), 'old');
  const resumed = await cp('--json', '--resume', join(here, 'big'), `pump-7:${device}/big`);
  assert.equal(resumed.status, 0, resumed.stderr);
  assert.deepEqual(readFileSync(join(device, 'big')), readFileSync(join(here, 'big')));
  assert.deepEqual(readdirSync(device), ['big']);
});

test('R7 a name from the device cannot drive the terminal', async () => {
  mkdirSync(join(device, 'd'));
  symlinkSync('x', join(device, 'd/\x1b[2J\nlink'));
  const ran = await cp('-r', `pump-7:${device}/d`, join(here, 'd'));
  assert.equal(ran.status, 0);
  assert.equal(
    ran.stderr,
    `sallyport: left out "pump-7:${device}/d/\\u{1b}[2J\\u{a}link": a symbolic link\n`,
  );
});
