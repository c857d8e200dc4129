// Shell and exec on a device, against real processes: the real agent in this process, a gate double at the
// other end of a real TLS link.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import type { ChannelParams } from '../../src/core/channel.ts';
import { converse, type Conversation, type Ended } from '../doubles/agent-channel.ts';
import { exec, startAgentWorld, type AgentWorld, type GateLink } from '../doubles/agent-world.ts';

let world: AgentWorld;
let link: GateLink;

before(async () => {
  world = await startAgentWorld();
  world.start();
  link = await world.nextLink();
  await link.welcome();
});
after(() => world.close());

const pty = { term: 'xterm-256color', cols: 80, rows: 24 };

async function talk(params: ChannelParams): Promise<Conversation> {
  return converse(await link.open(params));
}

async function runToEnd(...argv: string[]): Promise<Ended> {
  const conversation = await talk(exec(...argv));
  conversation.endStdin();
  return conversation.ended;
}

test('exec gives the exit status of the command, in a frame and in the trailer', async () => {
  const ended = await runToEnd('/bin/sh', '-c', 'exit 7');
  assert.equal(ended.how, 'clean');
  assert.deepEqual(ended.exit, { code: 7 });
  assert.equal(ended.trailers['sallyport-exit'], '{"code":7}');
});

test('exec keeps standard output and standard error apart', async () => {
  const ended = await runToEnd('/bin/sh', '-c', 'echo to-out; echo to-err >&2');
  assert.equal(ended.out, 'to-out\n');
  assert.equal(ended.err, 'to-err\n');
});

test('exec runs its words as they are, with no shell in between', async () => {
  const ended = await runToEnd('printf', '%s|', '$HOME', '`id`', 'a b', '*', ';reboot');
  assert.equal(ended.out, '$HOME|`id`|a b|*|;reboot|');
});

test('exec gives the command its input, and the end of it', async () => {
  const conversation = await talk(exec('cat'));
  await conversation.stdin('one ');
  await conversation.stdin('two');
  conversation.endStdin();
  const ended = await conversation.ended;
  assert.equal(ended.out, 'one two');
  assert.deepEqual(ended.exit, { code: 0 });
});

test('exec reports the signal that ended the command', async () => {
  const conversation = await talk(exec('sleep', '600'));
  conversation.signal('TERM');
  const ended = await conversation.ended;
  assert.deepEqual(ended.exit, { signal: 'TERM' });
});

test('a signal that is not on the list ends the channel', async () => {
  const conversation = await talk(exec('sleep', '600'));
  conversation.signal('STOP');
  assert.equal((await conversation.ended).how, 'cut');
});

test('a command that does not exist is refused in words', async () => {
  await assert.rejects(runToEnd('no-such-command-here'), {
    code: 'service_failed',
    message: /no command "no-such-command-here"/,
  });
});

test('a user that does not exist on the device is refused in words', async () => {
  const params: ChannelParams = { kind: 'exec', argv: ['id'], env: {}, user: 'nobody-here' };
  await assert.rejects(talk(params), { code: 'service_failed' });
});

test(
  'a user that policy names gets its own groups and home',
  { skip: process.getuid?.() === 0 ? false : 'skipped: only root can become another user' },
  async () => {
    const conversation = await talk({
      kind: 'exec',
      argv: ['sh', '-c', 'id -un; echo $HOME $USER'],
      env: {},
      user: 'daemon',
    });
    const { out } = await conversation.ended;
    assert.equal(out, 'daemon\n/usr/sbin daemon\n');
  },
);

test('S6 only the allow-listed environment reaches the command, and who stands behind it', async () => {
  process.env['SALLYPORT_TEST_SECRET'] = 'must-not-leak';
  const conversation = await talk({ kind: 'exec', argv: ['env'], env: { LANG: 'C.UTF-8' } });
  delete process.env['SALLYPORT_TEST_SECRET'];
  const { out } = await conversation.ended;
  const names = out
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split('=')[0] ?? '');
  const expected = ['HOME', 'LANG', 'LOGNAME', 'PATH', 'PWD', 'SHELL', 'USER'];
  const own = ['SALLYPORT_IDENTITY', 'SALLYPORT_NAME', 'SALLYPORT_SESSION', 'SALLYPORT_TARGET'];
  assert.deepEqual(
    names.filter((name) => !['_', 'SHLVL', 'OLDPWD'].includes(name)).sort(),
    [...expected, ...own].sort(),
  );
  assert.match(out, /^SALLYPORT_NAME=ana$/m);
  assert.match(out, /^SALLYPORT_SESSION=ses_/m);
});

test('10 MiB go through a command both ways, with a reader that waits', async () => {
  const size = 10 * 1024 * 1024;
  const conversation = await talk(exec('cat'));
  conversation.stream.pause();
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const sent = (async () => {
    for (let at = 0; at < size; at += chunk.length) await conversation.stdin(chunk);
    conversation.endStdin();
  })();
  const isThrough = await Promise.race([sent.then(() => true), roundTrips(500).then(() => false)]);
  assert.equal(isThrough, false, 'the writer must stand still while nobody reads');
  conversation.stream.resume();
  await sent;
  const ended = await conversation.ended;
  assert.equal(ended.outBytes, size);
  assert.deepEqual(ended.exit, { code: 0 });
});

test('what a command wrote right before it ended is never lost', async () => {
  const all = await Promise.all(Array.from({ length: 20 }, () => runToEnd('sh', '-c', 'seq 1 20000')));
  for (const { out } of all) assert.ok(out.endsWith('\n20000\n'));
});

test('a command that ignores its input does not hold the channel', async () => {
  const conversation = await talk(exec('true'));
  await conversation.stdin(Buffer.alloc(4 * 1024 * 1024));
  conversation.endStdin();
  assert.deepEqual((await conversation.ended).exit, { code: 0 });
});

test('shell is the login shell of the account, in a terminal of the size asked for', async () => {
  const conversation = await talk({ kind: 'shell', env: {}, pty: { ...pty, cols: 111, rows: 33 } });
  await conversation.stdin('stty size; tty; echo "term:$TERM" "user:$USER"; exit 3\n');
  const ended = await conversation.ended;
  assert.match(ended.out, /33 111/);
  assert.match(ended.out, /\/dev\/pts\/\d+/);
  assert.ok(ended.out.includes(`term:xterm-256color user:${userInfo().username}`));
  assert.deepEqual(ended.exit, { code: 3 });
});

test('a resize reaches the terminal', async () => {
  const conversation = await talk({ kind: 'exec', argv: ['sh'], env: {}, pty });
  conversation.resize(132, 50);
  await conversation.stdin('stty size; exit\n');
  assert.match((await conversation.ended).out, /50 132/);
});

test('Ctrl-C typed into the terminal interrupts the foreground command only', async () => {
  const conversation = await talk({ kind: 'exec', argv: ['bash', '--norc'], env: {}, pty });
  // The job says so itself, and by then it is the one in the foreground.
  await conversation.stdin(`sh -c 'echo rea"dy"; exec sleep 600'\n`);
  await conversation.until('ready');
  await conversation.stdin('\u0003');
  await conversation.stdin('echo still-he"re"; exit 0\n');
  const ended = await conversation.ended;
  assert.match(ended.out, /still-here/);
  assert.deepEqual(ended.exit, { code: 0 });
});

test('a signal frame reaches the job in the foreground of the terminal', async () => {
  const conversation = await talk({ kind: 'exec', argv: ['bash', '--norc'], env: {}, pty });
  await conversation.stdin(`sh -c 'echo rea"dy"; exec sleep 600'; echo af"ter" $?; exit 0\n`);
  await conversation.until('ready');
  conversation.signal('TERM');
  assert.match((await conversation.ended).out, /after 143/);
});

test('a terminal with more output than any buffer holds waits for its reader', async () => {
  const conversation = await talk({ kind: 'exec', argv: ['sh', '-c', 'seq 1 400000'], env: {}, pty });
  conversation.stream.pause();
  await roundTrips(200);
  conversation.stream.resume();
  const ended = await conversation.ended;
  assert.ok(ended.out.endsWith('\r\n400000\r\n'), ended.out.slice(-100));
  assert.deepEqual(ended.exit, { code: 0 });
});

test('an exec in a terminal is ended by the end of its input', async () => {
  const conversation = await talk({ kind: 'exec', argv: ['cat'], env: {}, pty });
  await conversation.stdin('hello\n');
  await conversation.until(/hello\r\nhello/);
  conversation.endStdin();
  assert.deepEqual((await conversation.ended).exit, { code: 0 });
});

/** Turns in which everything that can still move does: each is answered only after what was sent before. */
async function roundTrips(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await assert.rejects(link.client.ask({ path: '/nothing' }), { code: 'not_found' });
  }
}
