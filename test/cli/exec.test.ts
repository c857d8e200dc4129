import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import { frameType } from '../../src/wire/frames.ts';
import {
  acceptChannel,
  endSessions,
  grantSessions,
  sessionId,
  sessionView,
  type DeviceEnd,
  type Frame,
} from './channel-double.ts';
import { startFakeBroker } from './fake-broker.ts';
import { outcomeOf, runCli, signedIn, startCli } from './run-cli.ts';

type Play = (frame: Frame, device: DeviceEnd) => void;

interface Stage {
  readonly onFrame?: Play;
  /** When the channel is there. */
  readonly onOpen?: (device: DeviceEnd) => void;
  readonly onEnd?: (how: 'clean' | 'cut') => void;
}

let stage: Stage = {};
const broker = await startFakeBroker({
  onChannel(request) {
    const device = acceptChannel(request, stage.onFrame ?? (() => undefined), stage.onEnd);
    stage.onOpen?.(device);
  },
});
const home = await signedIn(broker);
after(async () => {
  home.remove();
  await broker.close();
});

async function exec(words: readonly string[], play: Stage, stdin = ''): ReturnType<typeof runCli> {
  stage = play;
  grantSessions(broker);
  return await runCli(['exec', 'pump-7', '--', ...words], { home: home.path, stdin });
}

test('stdin, stdout and stderr go apart, and the exit status is the remote one', async () => {
  const heard: string[] = [];
  let argv: readonly string[] = [];
  let end: string | undefined;
  const ran = await exec(
    ['sh', '-c', 'cat'],
    {
      onOpen: ({ params }) => {
        argv = params.kind === 'exec' ? params.argv : [];
      },
      onFrame: ({ type, payload }, device) => {
        if (type === frameType.stdin) heard.push(payload.toString());
        if (type !== frameType.stdinEnd) return;
        device.send(frameType.stdout, `out:${heard.join('')}`);
        device.send(frameType.stderr, 'err');
        device.exit({ code: 7 });
      },
      onEnd: (how) => {
        end = how;
      },
    },
    'typed',
  );
  assert.deepEqual(ran, { status: 7, stdout: 'out:typed', stderr: 'err' });
  assert.deepEqual(argv, ['sh', '-c', 'cat']);
  assert.equal(end, 'clean');
});

test('a remote process that a signal ended gives 128 and its number', async () => {
  const ran = await exec(['sleep', '1'], { onOpen: (device) => device.exit({ signal: 'TERM' }) });
  assert.equal(ran.status, 128 + 15);
});

test('a session that is cut says why in words, with the reason of the lock, and exits 255', async () => {
  endSessions(broker, 'lock', 'stolen');
  const ran = await exec(['yes'], {
    onOpen: (device) => {
      device.send(frameType.stdout, 'before');
      device.stream.abort(new Error('cut'));
    },
  });
  assert.equal(ran.status, 255);
  assert.equal(
    ran.stderr,
    `sallyport: session ended: a lock was placed: stolen\nnext: sallyport sessions show ${sessionId}\n`,
  );
});

test('an exit that is not followed by a clean end counts as cut', async () => {
  endSessions(broker, 'device_gone', '');
  const ran = await exec(['true'], {
    onOpen: (device) => {
      device.stream.write(Buffer.from([0x13, 0, 0, 10, ...Buffer.from('{"code":0}')]));
      device.stream.abort(new Error('cut'));
    },
  });
  assert.equal(ran.status, 255);
});

test('a clean end without an exit is our failure, not the remote one', async () => {
  endSessions(broker, 'exit', '');
  const ran = await exec(['true'], { onOpen: (device) => device.stream.endClean() });
  assert.equal(ran.status, 255);
});

test('a frame that no device sends ends the channel', async () => {
  endSessions(broker, 'exit', '');
  const ran = await exec(['true'], { onOpen: (device) => device.send(frameType.stdin, 'x') });
  assert.equal(ran.status, 255);
});

test('a denial says what would help and exits 77', async () => {
  stage = {};
  broker.routes.set('POST /v1/sessions', () => {
    throw new SallyportError('denied', 'policy does not let you exec on "pump-7"', {
      next: 'sallyport request pump-7',
      help: ['an approval by "night-lead"'],
    });
  });
  const ran = await runCli(['exec', 'pump-7', '--', 'true'], { home: home.path });
  assert.equal(ran.status, 77);
  assert.equal(
    ran.stderr,
    'sallyport: policy does not let you exec on "pump-7"\n' +
      'what would help: an approval by "night-lead"\n' +
      'next: sallyport request pump-7\n',
  );
});

test('a target that is not there and one that is not for the caller to know read the same: 69', async () => {
  broker.routes.set('POST /v1/sessions', () => {
    throw new SallyportError('not_found', 'there is no target "nowhere" that you may see');
  });
  const ran = await runCli(['exec', 'nowhere', '--', 'true'], { home: home.path });
  assert.equal(ran.status, 69);
  assert.equal(ran.stderr, 'sallyport: there is no target "nowhere" that you may see\n');
});

test('with --json an error is a problem object', async () => {
  const ran = await runCli(['exec', 'nowhere', '--json', '--', 'true'], { home: home.path });
  assert.equal(ran.status, 69);
  assert.equal((JSON.parse(ran.stderr) as { code: string }).code, 'not_found');
});

test('what is status 1 elsewhere is 255 for exec: it must not look like the remote command', async () => {
  broker.routes.set('POST /v1/sessions', () => {
    throw new SallyportError('store_unavailable', 'the log cannot be written, so nothing opens');
  });
  const ran = await runCli(['exec', 'pump-7', '--', 'true'], { home: home.path });
  assert.equal(ran.status, 255);
});

test('Ctrl-C is told to the remote process; twice at once ends here', async () => {
  const { promise: interrupted, resolve } = Promise.withResolvers<string>();
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  stage = {
    onOpen: (device) => {
      device.send(frameType.stdout, 'ready');
      open();
    },
    onFrame: ({ type, payload }) => {
      if (type === frameType.signal) resolve(payload.toString());
    },
  };
  grantSessions(broker);
  const child = startCli(['exec', 'pump-7', '--', 'sleep', '60'], { home: home.path });
  await opened;
  await new Promise((ready) => {
    child.stdout.once('data', ready);
  });
  child.kill('SIGINT');
  assert.equal(await interrupted, 'INT');
  child.kill('SIGINT');
  assert.equal((await outcomeOf(child)).status, 128 + 2);
});

test('SIGTERM ends the session from here', async () => {
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  stage = { onOpen: (device) => device.send(frameType.stdout, 'ready'), onEnd: resolve };
  grantSessions(broker);
  const child = startCli(['exec', 'pump-7', '--', 'sleep', '60'], { home: home.path });
  await new Promise((ready) => {
    child.stdout.once('data', ready);
  });
  child.kill('SIGTERM');
  assert.equal(await ended, 'cut');
  assert.equal((await outcomeOf(child)).status, 128 + 15);
});

test('a reader that goes away ends exec quietly', async () => {
  stage = {
    onOpen: (device) => device.send(frameType.stdout, 'x'.repeat(200_000)),
    onFrame: () => undefined,
  };
  grantSessions(broker);
  const child = startCli(['exec', 'pump-7', '--', 'yes'], { home: home.path });
  child.stdout.once('data', () => child.stdout.destroy());
  const status = await new Promise((resolve) => {
    child.once('exit', resolve);
  });
  assert.equal(status, 141);
});

test('a command longer than what travels is refused here, with the way out', async () => {
  const ran = await exec(['echo', 'x'.repeat(9_000)], {});
  assert.equal(ran.status, 2);
  assert.match(ran.stderr, /standard input/);
});

test('the session and the channel are asked for by an authenticated connection, once each', async () => {
  const before = broker.asked.length;
  await exec(['true'], { onOpen: (device) => device.exit({ code: 0 }) });
  const asked = broker.asked.slice(before);
  assert.deepEqual(
    asked.map(({ method, path, isAuthenticated }) => ({ method, path, isAuthenticated })),
    [{ method: 'POST', path: '/v1/sessions', isAuthenticated: true }],
  );
  const body = asked[0]?.body as { readonly target: string } | undefined;
  assert.equal(body?.target, sessionView.target);
});
