import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { spawn, type IPty } from '@lydell/node-pty';
import { decodeResize, frameType } from '../../src/wire/frames.ts';
import { acceptChannel, endSessions, grantSessions, type DeviceEnd, type Frame } from './channel-double.ts';
import { startFakeBroker } from './fake-broker.ts';
import { program, runCli, signedIn } from './run-cli.ts';

let onFrame: (frame: Frame, device: DeviceEnd) => void = () => undefined;
let opened: DeviceEnd | undefined;
const broker = await startFakeBroker({
  onChannel(request) {
    opened = acceptChannel(request, (frame, device) => onFrame(frame, device));
    opened.send(frameType.stdout, 'remote$ ');
  },
});
const home = await signedIn(broker);
grantSessions(broker, { banner: 'watched\u001b[2J here' });
after(async () => {
  home.remove();
  await broker.close();
});

interface Screen {
  readonly terminal: IPty;
  readonly ended: Promise<number>;
  text(): string;
  /** Resolves when the screen has shown it. */
  shows(what: string): Promise<void>;
}

/** `words` run by sh on a real terminal; $SALLYPORT is the program. */
function openScreen(script: string): Screen {
  let text = '';
  const waiting: { readonly what: string; readonly resolve: () => void }[] = [];
  const terminal = spawn('/bin/sh', ['-c', script], {
    name: 'xterm-256color',
    cols: 100,
    rows: 30,
    env: {
      PATH: process.env['PATH'] ?? '',
      LANG: 'de_DE.UTF-8',
      LC_ALL: 'bad value;',
      SALLYPORT: `${process.execPath} ${program}`,
      SALLYPORT_HOME: home.path,
    },
  });
  const look = (): void => {
    for (const one of waiting) if (text.includes(one.what)) one.resolve();
  };
  terminal.onData((data) => {
    text += data;
    look();
  });
  const ended = new Promise<number>((resolve) => {
    terminal.onExit(({ exitCode }) => resolve(exitCode));
  });
  return {
    terminal,
    ended,
    text: () => text,
    shows: (what) =>
      new Promise((resolve) => {
        waiting.push({ what, resolve });
        look();
      }),
  };
}

test('a shell sends keys as they are typed, shows the banner inert, and ends with the remote status', async () => {
  const typed: string[] = [];
  onFrame = ({ type, payload }, device) => {
    if (type !== frameType.stdin) return;
    typed.push(payload.toString());
    if (payload.includes('q')) device.exit({ code: 3 });
  };
  const screen = openScreen('$SALLYPORT shell pump-7');
  await screen.shows('remote$ ');
  screen.terminal.write('\u0003q');
  assert.equal(await screen.ended, 3);
  assert.equal(typed.join(''), '\u0003q');
  assert.match(screen.text(), /watched\\u\{1b\}\[2J here/);
  assert.deepEqual(opened?.params, {
    kind: 'shell',
    pty: { term: 'xterm-256color', cols: 100, rows: 30 },
    env: { LANG: 'de_DE.UTF-8' },
  });
});

test('a resize of the terminal is told to the device', async () => {
  const { promise: resized, resolve } = Promise.withResolvers<unknown>();
  onFrame = ({ type, payload }, device) => {
    if (type !== frameType.resize) return;
    resolve(decodeResize(payload));
    device.exit({ code: 0 });
  };
  const screen = openScreen('$SALLYPORT shell pump-7');
  await screen.shows('remote$ ');
  screen.terminal.resize(132, 43);
  assert.deepEqual(await resized, { cols: 132, rows: 43 });
  assert.equal(await screen.ended, 0);
});

test('"~?" helps and "~." leaves a stuck shell, and the terminal is as it was before', async () => {
  onFrame = () => undefined;
  const screen = openScreen(
    'stty -a | md5sum; $SALLYPORT shell pump-7; echo "left with $?"; stty -a | md5sum',
  );
  await screen.shows('remote$ ');
  screen.terminal.write('~?');
  await screen.shows('end this session');
  screen.terminal.write('\r~.');
  await screen.shows('left with 255');
  assert.equal(await screen.ended, 0);
  const sums = screen.text().match(/[0-9a-f]{32}/g);
  assert.equal(sums?.length, 2);
  assert.equal(sums[0], sums[1]);
});

test('a shell that is cut gives the terminal back and says why', async () => {
  onFrame = ({ type }, device) => {
    if (type === frameType.stdin) device.stream.abort(new Error('cut'));
  };
  endSessions(broker, 'lock', 'stolen');
  const screen = openScreen(
    'stty -a | md5sum; $SALLYPORT shell pump-7; echo "left with $?"; stty -a | md5sum',
  );
  await screen.shows('remote$ ');
  screen.terminal.write('x');
  await screen.shows('left with 255');
  assert.match(screen.text(), /session ended: a lock was placed: stolen/);
  await screen.ended;
  const sums = screen.text().match(/[0-9a-f]{32}/g);
  assert.equal(sums?.[0], sums?.[1]);
});

test('a shell that is killed by SIGTERM gives the terminal back', async () => {
  onFrame = () => undefined;
  const screen = openScreen(
    'stty -a | md5sum; sh -c \'echo "pid $$"; exec $SALLYPORT shell pump-7\'; echo "left with $?"; stty -a | md5sum',
  );
  await screen.shows('remote$ ');
  process.kill(Number(/pid (\d+)/.exec(screen.text())?.[1]), 'SIGTERM');
  await screen.shows('left with 143');
  await screen.ended;
  const sums = screen.text().match(/[0-9a-f]{32}/g);
  assert.equal(sums?.[0], sums?.[1]);
});

test('"exec -t" gives the command a terminal', async () => {
  onFrame = ({ type }, device) => {
    if (type === frameType.stdin) device.exit({ code: 0 });
  };
  const screen = openScreen('$SALLYPORT exec -t pump-7 -- top');
  await screen.shows('remote$ ');
  screen.terminal.write('q');
  assert.equal(await screen.ended, 0);
  assert.equal(opened?.params.kind, 'exec');
  assert.equal(opened.params.pty?.cols, 100);
});

test('a shell without a terminal is refused, with what to do instead', async () => {
  const ran = await runCli(['shell', 'pump-7'], { home: home.path });
  assert.equal(ran.status, 2);
  assert.equal(
    ran.stderr,
    'sallyport: "shell" needs a terminal, and this is not one\n' +
      'next: run one command instead: sallyport exec pump-7 -- CMD\n',
  );
});
