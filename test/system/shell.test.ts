// The real `sallyport shell` in a real terminal, as a person sees it.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { pidsRunning } from './proc.ts';
import { entry, until } from './program.ts';
import { must, Stage } from './stage.ts';
import { Terminal, whyNoTerminal } from './terminal.ts';

const why = await whyNoTerminal();
const prompt = /[#$] $/m;

suite('a shell in a terminal', { skip: why ?? false }, () => {
  let stage: Stage;
  let terminal: Terminal;

  before(async () => {
    stage = await Stage.ready();
    terminal = await Terminal.open({
      folder: stage.folder,
      cols: 100,
      rows: 30,
      env: { ...stage.surroundings('ana').env, LANG: 'C.UTF-8', LC_TIME: 'POSIX', TZ: 'Europe/Paris' },
    });
    await terminal.enters(`sallyport() { '${process.execPath}' '${entry}' "$@"; }; cd; clear`);
  });

  after(async () => {
    await terminal?.close();
    await stage?.close();
  });

  /** Into a shell on the device; the terminal's settings before it are in the file "before". */
  async function enter(): Promise<void> {
    await terminal.enters('clear; rm -f after; stty -g >before');
    await terminal.enters(`sallyport shell ${stage.device}; echo "left with $?"; stty -g >after`);
    await terminal.shows(/authorised work only: this session is on the log/);
    await terminal.shows(/log\n(?:.*\n)*.*[#$] \s*$/);
  }

  async function assertTerminalIsBack(): Promise<void> {
    // Written by the line that also printed the status, right after it.
    const [before, now] = await until('the settings were written', async () => {
      const files = ['before', 'after'].map((name) => join(stage.folder, name));
      const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
      return texts.every((text) => text.endsWith('\n')) ? texts : undefined;
    });
    assert.equal(now, before);
  }

  test('shows the banner, then a prompt, and echoes what is typed', async () => {
    await enter();
    await terminal.types('typed-but-not-sent');
    await terminal.shows(/typed-but-not-sent/);
    await terminal.presses('C-u');
  });

  test('tells what runs there whose session it is', async () => {
    await terminal.enters('echo "i am $SALLYPORT_NAME on $SALLYPORT_TARGET in $SALLYPORT_SESSION"');
    const [, session] = await terminal.shows(new RegExp(`i am ana on ${stage.device} in (ses_\\w+)`));
    const [live] = await stage.sessions();
    assert.equal(session, live?.id);
  });

  test('brings the locale and the time zone along', async () => {
    await terminal.enters('echo "locale $LANG $LC_TIME $TZ"');
    await terminal.shows(/locale C.UTF-8 POSIX Europe\/Paris/);
  });

  test('has the size of the terminal, and follows it', async () => {
    await terminal.enters('echo size "$(stty size)"');
    await terminal.shows(/^size 30 100$/m);
    await terminal.resizes(91, 24);
    await until('the new size is there', async () => {
      await terminal.enters('echo size "$(stty size)"');
      await terminal.shows(/size \d+ \d+\n.*[#$] \s*$/);
      return (await terminal.screen()).includes('size 24 91');
    });
  });

  test('Ctrl-C interrupts what runs there, not the session', async () => {
    await terminal.enters('sleep 3602');
    await until('the command runs', () => pidsRunning('sleep', '3602').length > 0);
    await terminal.presses('C-c');
    await until('the command is gone', () => pidsRunning('sleep', '3602').length === 0);
    await terminal.enters('echo "it ended with $?"');
    await terminal.shows(/it ended with 130/);
  });

  test('~? at the start of a line lists the escapes and sends nothing', async () => {
    await terminal.enters('');
    await terminal.types('~?');
    await terminal.shows(/escapes, at the start of a line:\n\s*~\.\s+end this session/);
    await terminal.enters('echo "nothing was sent: $((6 * 7))"');
    await terminal.shows(/^nothing was sent: 42$/m);
  });

  test('exit 3 there is 3 here, and the terminal is as it was', async () => {
    await terminal.enters('exit 3');
    await terminal.shows(/^left with 3$/m);
    await assertTerminalIsBack();
    const ended = await stage.untilSession('that ended by exit', (session) => session.endReason === 'exit');
    assert.equal(ended.live, false);
  });

  test('~. leaves with 255, ends the session, and the terminal is as it was', async () => {
    await enter();
    await terminal.enters('sleep 3603');
    await until('the command runs', () => pidsRunning('sleep', '3603').length > 0);
    await terminal.enters('');
    await terminal.types('~.');
    await terminal.shows(/session ended from here\n+left with 255/);
    await assertTerminalIsBack();
    await until('nothing of it runs on', () => stage.onDevice().length === 0);
    await stage.untilSession('that the operator left', (session) => session.endReason === 'operator_gone');
  });

  test('a lock ends it with words and 255, and the terminal is as it was', async () => {
    await enter();
    await terminal.enters("printf '\\033[?1049h\\033[?25l'; sleep 3604");
    await until('the command runs', () => pidsRunning('sleep', '3604').length > 0);
    const [live] = await stage.sessions();
    const words = ['lock', 'add', '--session', live?.id ?? '', '--reason', 'not now'];
    must(await stage.admin(...words), words);
    await terminal.shows(/a lock was placed: .*not now(?:.*\n)+?left with 255/);
    await assertTerminalIsBack();
    await until('nothing of it runs on', () => stage.onDevice().length === 0);
  });

  test('without a terminal it says what to do instead', async () => {
    const ran = await stage.ana('shell', stage.device);
    assert.equal(ran.code, 2);
    assert.match(ran.stderr, new RegExp(`needs a terminal.*\\n.*sallyport exec ${stage.device} -- CMD`));
    assert.match(await terminal.screen(), prompt);
  });
});
