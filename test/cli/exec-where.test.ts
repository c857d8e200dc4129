// exec --where as it is typed: which devices, the question, how many at once, what is said of each, and
// the exit status. The broker and the devices are doubles behind real TLS.

import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import { parseJsonObject } from '../../src/core/json.ts';
import type { ByteStream } from '../../src/link/byte-stream.ts';
import type { IncomingRequest } from '../../src/link/served-session.ts';
import { encodeExit, encodeFrames, FrameDecoder, frameType, type Exit } from '../../src/wire/frames.ts';
import { checkOpen, endSessions, linkNonce, sessionView } from './channel-double.ts';
import { startFakeBroker } from './fake-broker.ts';
import { outcomeOf, runCli, signedIn, startCli, type Ran } from './run-cli.ts';

interface Device {
  readonly stream: ByteStream;
  say(text: string | Uint8Array, stream?: 'stdout' | 'stderr'): void;
  exit(exit: Exit): void;
}

interface Play {
  readonly onOpen?: (device: Device) => void;
  readonly onFrame?: (type: number, device: Device) => void;
}

let plays: Readonly<Record<string, Play>> = {};
let running = 0;
let mostRunning = 0;
let heard: string[] = [];

const broker = await startFakeBroker({ onChannel: (request) => serve(request) });
const home = await signedIn(broker);
after(async () => {
  home.remove();
  await broker.close();
});

function targetOf(request: IncomingRequest): string {
  const [payload = ''] = String(request.headers['sallyport-open']).split('.');
  return String(parseJsonObject(Buffer.from(payload, 'base64url').toString())?.['target']);
}

function serve(request: IncomingRequest): void {
  const target = targetOf(request);
  const { params } = checkOpen(request, target);
  assert.ok(params.kind === 'exec');
  heard.push(`${target} ${params.argv.join(' ')}`);
  const stream = request.accept();
  running += 1;
  mostRunning = Math.max(mostRunning, running);
  const device: Device = {
    stream,
    say(text, name = 'stdout') {
      for (const part of encodeFrames(frameType[name], Buffer.from(text))) stream.write(part);
    },
    exit(exit) {
      running -= 1;
      stream.write(encodeExit(exit));
      stream.endClean();
    },
  };
  const play = plays[target] ?? {};
  const decoder = new FrameDecoder([frameType.stdinEnd, frameType.signal], (type) =>
    play.onFrame?.(type, device),
  );
  stream.listen({ onData: (chunk) => decoder.push(chunk), onEnd: () => undefined });
  play.onOpen?.(device);
}

/** The fleet, and what each device does; those without a play are offline. */
function fleet(devices: Readonly<Record<string, Play | SallyportError>>): void {
  plays = {};
  broker.routes.set('GET /v1/devices', ({ query }) => {
    assert.deepEqual(query.getAll('where'), ['site=lyon']);
    return { items: Object.keys(devices).map((name) => deviceView(name)) };
  });
  broker.routes.set('POST /v1/sessions', ({ body }) => {
    const { target } = body as { readonly target: string };
    const play = devices[target];
    if (play instanceof SallyportError) throw play;
    return { session: { ...sessionView, target }, linkNonce };
  });
  for (const [name, play] of Object.entries(devices)) {
    if (!(play instanceof SallyportError)) plays = { ...plays, [name]: play };
  }
}

function deviceView(name: string): Readonly<Record<string, unknown>> {
  return {
    id: `dev_${name}`,
    name,
    owner: { id: 'human-1', name: 'ana' },
    purpose: '',
    labels: { site: 'lyon' },
    online: true,
    locked: false,
    sessions: 0,
    createdAt: '2030-01-01T00:00:00.000Z',
  };
}

beforeEach(() => {
  running = 0;
  mostRunning = 0;
  heard = [];
});

async function execWhere(...words: readonly string[]): Promise<Ran> {
  return await runCli(['exec', '--where', 'site=lyon', ...words], { home: home.path });
}

function says(text: string, code = 0): Play {
  return {
    onOpen: (device) => {
      device.say(text);
      device.exit({ code });
    },
  };
}

test('one line stands in one line, more in a block; errors go to stderr; 0 only when all gave 0', async () => {
  fleet({
    'pump-7': says('up 3 days\n'),
    'pump-12': {
      onOpen: (device) => {
        device.say('one\ntwo\n');
        device.say('careful\n', 'stderr');
        device.exit({ code: 0 });
      },
    },
  });
  const ran = await execWhere('--yes', '--at-once', '1', '--', 'uptime', '-p');
  assert.equal(ran.stdout, 'pump-7   up 3 days\npump-12\n  one\n  two\n');
  assert.equal(ran.stderr, 'pump-12  careful\n2 devices: 2 ok\n');
  assert.equal(ran.status, 0);
  assert.deepEqual(heard, ['pump-7 uptime -p', 'pump-12 uptime -p']);
});

test('denied, offline and failed devices hold nobody up, are summed up by name, and make the status 1', async () => {
  fleet({
    'pump-1': says('fine\n'),
    'pump-2': new SallyportError('denied', 'policy does not let you exec on "pump-2"'),
    'pump-3': new SallyportError('device_offline', '"pump-3" is offline'),
    'pump-4': says('', 3),
    'pump-5': new SallyportError('locked', '"pump-5" is locked'),
  });
  const ran = await execWhere('--yes', '--at-once', '1', '--', 'true');
  assert.equal(ran.status, 1);
  assert.equal(ran.stdout, 'pump-1  fine\n');
  assert.equal(
    ran.stderr,
    'pump-2  denied: policy does not let you exec on "pump-2"\n' +
      'pump-3  offline: "pump-3" is offline\n' +
      'pump-4  exit status 3\n' +
      'pump-5  denied: "pump-5" is locked\n' +
      '5 devices: 1 ok, 1 failed, 2 denied, 1 offline\n' +
      'failed: pump-4\ndenied: pump-2 pump-5\noffline: pump-3\n',
  );
});

test('a device that is cut in the middle counts as failed, with the reason', async () => {
  endSessions(broker, 'lock', 'stolen');
  fleet({
    'pump-1': {
      onOpen: (device) => {
        device.say('half');
        device.stream.abort(new Error('cut'));
      },
    },
  });
  const ran = await execWhere('--', 'true');
  assert.equal(ran.status, 1);
  assert.match(ran.stderr, /pump-1 {2}failed: session ended: a lock was placed: stolen/);
});

test('more than one device is asked about first: without a terminal nothing runs', async () => {
  fleet({ 'pump-1': says('x'), 'pump-2': says('x') });
  const ran = await execWhere('--', 'reboot', 'now');
  assert.equal(ran.status, 2);
  assert.equal(
    ran.stderr,
    '2 devices with site=lyon:\n  pump-1\n  pump-2\n' +
      'sallyport: this asks before it acts: run "reboot now" on all 2, 2 at once?\n' +
      'next: add --yes when that is what you mean\n',
  );
  assert.deepEqual(heard, []);
});

test('one device is not asked about, and none is an error of its own', async () => {
  fleet({ 'pump-1': says('x\n') });
  assert.equal((await execWhere('--', 'true')).stdout, 'pump-1  x\n');
  fleet({});
  const none = await execWhere('--yes', '--', 'true');
  assert.equal(none.status, 69);
  assert.match(none.stderr, /no device that you may know of has site=lyon/);
});

test('no more run at once than was said', async () => {
  const waiting: Device[] = [];
  const names = Array.from({ length: 9 }, (_, at) => `pump-${at}`);
  // Each lot ends when it is full: with fewer at once than three this would not go on.
  const play: Play = {
    onOpen: (device) => {
      waiting.push(device);
      if (waiting.length < 3) return;
      for (const one of waiting.splice(0)) {
        one.say('done\n');
        one.exit({ code: 0 });
      }
    },
  };
  fleet(Object.fromEntries(names.map((name) => [name, play])));
  const ran = await execWhere('--yes', '--at-once', '3', '--', 'true');
  assert.equal(ran.status, 0, ran.stderr);
  assert.equal(mostRunning, 3);
  assert.equal(heard.length, 9);
});

test('--json gives one object for each device, bytes that are no text in base64, and no more', async () => {
  fleet({
    'pump-1': {
      onOpen: (device) => {
        device.say('text\n');
        device.say(Uint8Array.of(0xff, 0x00), 'stderr');
        device.exit({ code: 0 });
      },
    },
    'pump-2': new SallyportError('denied', 'no'),
  });
  const ran = await execWhere('--yes', '--json', '--at-once', '1', '--', 'true');
  assert.equal(ran.status, 1);
  assert.equal(ran.stderr, '');
  const [first, second] = ran.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  assert.deepEqual(first, {
    device: 'pump-1',
    status: 'ok',
    exit: 0,
    stdout: 'text\n',
    stderr: '\ufffd\u0000',
    stderrBase64: '/wA=',
  });
  assert.deepEqual(second, {
    device: 'pump-2',
    status: 'denied',
    stdout: '',
    stderr: '',
    problem: { type: 'urn:sallyport:error:denied', title: 'no', status: 403, code: 'denied' },
  });
});

test('output beyond what is kept is counted and said', async () => {
  const large = Buffer.alloc(3 * 1024 * 1024, 'x\n');
  fleet({
    'pump-1': {
      onOpen: (device) => {
        device.say(large);
        device.exit({ code: 0 });
      },
    },
  });
  const ran = await execWhere('--json', '--', 'yes');
  const outcome = JSON.parse(ran.stdout) as { readonly stdout: string; readonly stdoutDroppedBytes: number };
  assert.equal(outcome.stdout.length, 1024 * 1024);
  assert.equal(outcome.stdoutDroppedBytes, 2 * 1024 * 1024);
});

test('R7 what a device writes cannot drive the terminal', async () => {
  fleet({ 'pump-1': says('\x1b[2J\u202eevil\n') });
  const ran = await execWhere('--', 'true');
  assert.equal(ran.stdout, 'pump-1  \\u{1b}[2J\\u{202e}evil\n');
});

test('Ctrl-C interrupts what runs, begins nothing more, and exits 130', async () => {
  const cli = startCli(['exec', '--where', 'site=lyon', '--yes', '--at-once', '1', '--', 'sleep', '9'], {
    home: home.path,
  });
  fleet({
    'pump-1': {
      onOpen: () => cli.kill('SIGINT'),
      onFrame: (type, device) => {
        if (type === frameType.signal) device.exit({ signal: 'INT' });
      },
    },
    'pump-2': says('never'),
  });
  cli.stdin.end();
  const ran = await outcomeOf(cli);
  assert.equal(ran.status, 130);
  assert.equal(ran.stdout, '');
  assert.equal(
    ran.stderr,
    'pump-1  stopped from here\npump-2  stopped from here\n2 devices: 2 stopped\nstopped: pump-1 pump-2\n',
  );
  assert.deepEqual(heard, ['pump-1 sleep 9']);
});

test('a command that does not heed Ctrl-C ends with its session at the second one', async () => {
  const cli = startCli(['exec', '--where', 'site=lyon', '--', 'stubborn'], { home: home.path });
  fleet({
    'pump-1': {
      onOpen: () => cli.kill('SIGINT'),
      onFrame: (type) => {
        if (type === frameType.signal) cli.kill('SIGINT');
      },
    },
  });
  cli.stdin.end();
  const ran = await outcomeOf(cli);
  assert.equal(ran.status, 130);
  assert.equal(ran.stderr, 'pump-1  stopped from here\n1 device: 1 stopped\nstopped: pump-1\n');
});

test('flags that contradict each other are refused before the broker is asked', async () => {
  const before = broker.asked.length;
  const run = async (...words: readonly string[]): Promise<number | null> =>
    (await runCli(['exec', ...words, '--', 'true'], { home: home.path })).status;
  assert.equal(await run(), 2);
  assert.equal(await run('pump-1', '--where', 'a=b'), 2);
  assert.equal(await run('-t', '--where', 'a=b'), 2);
  assert.equal(await run('pump-1', '--yes'), 2);
  assert.equal(await run('--where', 'a=b', '--at-once', '0'), 2);
  assert.equal(await run('--where', 'a=b', '--at-once', '201'), 2);
  assert.equal(await run('--where', 'nolabel'), 2);
  assert.equal(broker.asked.length, before);
});
