// Break-glass on the device itself, with the real command line in a real terminal: with a broker that answers, with one
// that is gone, and with an agent that is killed meanwhile (S-11, R-053, design section 6).

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { pidsRunning } from './proc.ts';
import { entry, until } from './program.ts';
import { must, Stage } from './stage.ts';
import { Terminal, whyNoTerminal } from './terminal.ts';

const why = await whyNoTerminal();

interface UseSeen {
  readonly id: string;
  readonly who: string;
  readonly identity?: { readonly name: string };
  readonly signers: readonly string[];
  readonly onSite?: {
    readonly wasAsked: boolean;
    readonly cause?: string;
    readonly recording?: { readonly sha256: string; readonly bytes: number };
  };
}

suite('break-glass on site', { skip: why ?? false }, () => {
  let stage: Stage;
  let terminal: Terminal;
  let files: readonly string[] = [];
  const keys: string[] = [];

  before(async () => {
    stage = await Stage.ready();
    files = ['ops', 'plant', 'safety'].map((name) => join(stage.folder, `${name}.pem`));
    for (const file of files) {
      const made = must(await stage.ana('breakglass', 'key', file, '--json'), ['breakglass', 'key']);
      keys.push((JSON.parse(made) as { readonly key: string }).key);
    }
    const named = keys.map((key, n) => `key-${n}=${key}`);
    must(await stage.admin('breakglass', 'set', ...named, '--need', '2', '--yes'), ['breakglass', 'set']);
    // The keys come with the next renewal; a device that joins now has them at once.
    await stage.agent?.end();
    must(await onDevice('renew'), ['agent', 'renew']);
    await stage.startAgent();
    terminal = await Terminal.open({
      folder: stage.folder,
      cols: 100,
      rows: 40,
      env: { ...stage.surroundings('device').env, LANG: 'C.UTF-8' },
    });
    await terminal.enters(`sallyport() { '${process.execPath}' '${entry}' "$@"; }; cd; clear`);
  });
  after(async () => {
    await terminal?.close();
    await stage?.close();
  });

  function onDevice(...words: readonly string[]): ReturnType<Stage['run']> {
    return stage.run(['agent', ...words, '--state', stage.stateDir()], stage.surroundings('device'));
  }

  async function request(name: string, ...signedBy: readonly number[]): Promise<string> {
    return await requestFor('5m', name, signedBy);
  }

  async function requestFor(time: string, name: string, signedBy: readonly number[]): Promise<string> {
    const file = join(stage.folder, `${name}.json`);
    const asked = ['breakglass', 'request', stage.device, '--on-site', '--for', time];
    must(await stage.ana(...asked, '--reason', 'valve stuck', '--to', file), asked);
    for (const n of signedBy)
      must(await stage.ana('breakglass', 'sign', file, '--key', files[n] ?? '', '--yes'), ['sign']);
    return file;
  }

  async function enter(file: string): Promise<void> {
    await terminal.enters(
      `clear; sallyport agent breakglass ${file} --state ${stage.stateDir()}; echo "left with $?"`,
    );
  }

  async function uses(): Promise<readonly UseSeen[]> {
    return (await stage.adminJson('breakglass', 'ls')) as readonly UseSeen[];
  }

  async function recordings(): Promise<readonly string[]> {
    const folder = join(stage.stateDir(), 'break-glass');
    const names = (await readdir(folder)).filter((name) => name.endsWith('.cast'));
    return await Promise.all(names.map(async (name) => await readFile(join(folder, name), 'utf8')));
  }

  test('I18 one key of two opens nothing, and the broker is not even asked', async () => {
    await enter(await request('one', 0));
    await terminal.shows(/this device does not open: 1 of the offline keys signed it, and it takes 2/);
    await terminal.shows(/left with 77/);
    assert.deepEqual(await uses(), []);
  });

  test('S-11 two keys and a broker that answers: a shell, recorded, known there before it begins', async () => {
    const file = await request('two', 0, 2);
    const [status] = [must(await onDevice('status'), ['agent', 'status'])];
    assert.match(
      status,
      /break-glass +2 of 3 offline keys open it on site \(key-0, key-1, key-2; the broker's\)/,
    );
    await enter(file);
    await terminal.shows(/who +ana, standing before it/);
    await terminal.shows(/open, by the keys of key-0 and key-2; the broker agreed; recorded; until/);
    await terminal.enters('echo "i am $SALLYPORT_NAME"; echo $((40 + 2))-shown');
    await terminal.shows(/i am ana/);
    await terminal.shows(/42-shown/);
    assert.match(must(await onDevice('status'), ['agent', 'status']), /ana is in until/);
    const [live] = await uses();
    assert.equal(live?.onSite?.wasAsked, true);
    assert.equal(live?.identity?.name, 'ana');
    await terminal.enters('exit 3');
    await terminal.shows(/left with 3/);
    const ended = await until('its end is known', async () =>
      (await uses()).find(({ onSite }) => onSite?.cause !== undefined),
    );
    assert.equal(ended.onSite?.cause, 'exit');
    const [cast = ''] = await recordings();
    assert.match(cast, /^\{"version":2,"width":100,"height":40,/);
    assert.match(cast, /,"o","[^\n]*42-shown/);
    assert.equal(createHash('sha256').update(cast).digest('base64url'), ended.onSite?.recording?.sha256);
    await enter(file);
    await terminal.shows(/this device does not open: it was used here before/);
  });

  test('S-11 the broker is gone: the device decides alone, and the broker hears of it', async () => {
    const file = await request('gone', 1, 2);
    await stage.broker?.end();
    await enter(file);
    await terminal.shows(
      /by the keys of key-1 and key-2; the broker does not answer, and is told later; recorded/,
    );
    await terminal.enters('echo $((40 + 3))-alone');
    await terminal.shows(/43-alone/);
    const cut = must(await onDevice('cut', '--all'), ['agent', 'cut']);
    assert.match(cut, /cut 1 session/);
    await terminal.shows(/session ended: the owner or the end of the agent cut it/);
    await stage.startBroker();
    await stage.untilOnline();
    const told = await until('the broker was told', async () =>
      (await uses()).find(({ onSite }) => onSite?.wasAsked === false && onSite.cause !== undefined),
    );
    assert.deepEqual([told.onSite?.cause, told.who, told.signers], ['owner_cut', 'ana', ['key-1', 'key-2']]);
    assert.match((await stage.ana('whoami')).stdout, /alarm +break-glass was used by ana at /);
    const codes = (await stage.events('--type', 'breakglass.ended')).map(({ code }) => code);
    assert.ok(codes.includes('owner_cut'), codes.join());
    must(await stage.admin('audit', 'verify'), ['audit', 'verify']);
  });

  test('I17 the agent is killed: nothing of the shell is left, and its end is told', async () => {
    await enter(await request('killed', 0, 1));
    await terminal.shows(/the broker agreed/);
    await terminal.enters('setsid sleep 600 & echo $((40 + 4))-up');
    await terminal.shows(/44-up/);
    await stage.agent?.kill();
    await terminal.shows(/left with (1|255)/);
    await stage.startAgent();
    assert.deepEqual(stage.onDevice(), []);
    await until('its end is known', async () =>
      (await uses()).find(({ onSite }) => onSite?.cause === 'agent_restarted'),
    );
  });

  test('S-11 it ends when the time is over that was signed, with what hides from hang-ups', async () => {
    await enter(await requestFor('4s', 'short', [0, 1]));
    await terminal.shows(/the broker agreed/);
    await terminal.enters('setsid nohup sleep 600 >/dev/null 2>&1 & echo $((40 + 5))-up');
    await terminal.shows(/45-up/);
    await terminal.shows(/session ended: its time is up/);
    await until('its end is known', async () =>
      (await uses()).find(({ onSite }) => onSite?.cause === 'deadline'),
    );
    assert.deepEqual(stage.onDevice(), []);
  });

  test('I17 whoever is gone from the terminal leaves nothing running', async () => {
    const file = await request('left', 0, 1);
    await enter(file);
    await terminal.shows(/the broker agreed/);
    await terminal.enters('echo $((40 + 6))-up; sleep 600');
    await terminal.shows(/46-up/);
    const words = ['agent', 'breakglass', file, '--state', stage.stateDir()];
    const [pid] = pidsRunning(process.execPath, entry, ...words);
    assert.ok(pid !== undefined);
    process.kill(pid, 'SIGKILL');
    await until('nothing of it runs', () => stage.onDevice().length === 0);
    await until('its end is known', async () =>
      (await uses()).find(({ onSite }) => onSite?.cause === 'left'),
    );
    await terminal.shows(/left with 137/);
    // What was killed has left the terminal raw: its Enter is no end of a line.
    await terminal.types('stty sane');
    await terminal.presses('C-j');
  });

  test('the owner pins no keys at all: nothing opens, whatever the broker has', async () => {
    const file = await request('none', 0, 1);
    must(await onDevice('pin-breakglass', '--none', '--yes'), ['pin-breakglass']);
    await enter(file);
    await terminal.shows(/this device does not open: no offline keys are pinned here/);
    assert.doesNotMatch(must(await onDevice('status'), ['agent', 'status']), /break-glass/);
  });

  test('I18 a device that looks at approvals itself keeps its keys, whatever the broker says later', async () => {
    const pinned = async (): Promise<readonly string[]> => {
      const { running } = JSON.parse((await onDevice('status', '--json')).stdout) as {
        readonly running?: { readonly breakGlass?: { readonly keys: readonly string[] } };
      };
      return running?.breakGlass?.keys ?? [];
    };
    must(await onDevice('pin-breakglass', '--of-broker', '--yes'), ['pin-breakglass']);
    const renewed = async (): Promise<readonly string[]> => {
      await stage.agent?.end();
      must(await onDevice('renew'), ['agent', 'renew']);
      await stage.startAgent();
      return await pinned();
    };
    assert.deepEqual(await renewed(), ['key-0', 'key-1', 'key-2']);
    const rules = join(stage.stateDir(), 'agent.yaml');
    await writeFile(rules, 'approvals: verify\n', { mode: 0o600 });
    const others = keys.slice(0, 2).map((key, n) => `other-${n}=${key}`);
    must(await stage.admin('breakglass', 'set', ...others, '--need', '2', '--yes'), ['breakglass', 'set']);
    assert.deepEqual(await renewed(), ['key-0', 'key-1', 'key-2']);
    await rm(rules);
    assert.deepEqual(await renewed(), ['other-0', 'other-1']);
  });

  test('a lock at the broker ends what is open, and is a no from then on', async () => {
    must(
      await onDevice('pin-breakglass', ...keys.map((key, n) => `key-${n}=${key}`), '--need', '2', '--yes'),
      ['pin'],
    );
    const all = keys.map((key, n) => `key-${n}=${key}`);
    must(await stage.admin('breakglass', 'set', ...all, '--need', '2', '--yes'), ['breakglass', 'set']);
    await enter(await request('open', 0, 1));
    await terminal.shows(/the broker agreed/);
    await terminal.enters('echo $((40 + 7))-up; sleep 600');
    await terminal.shows(/47-up/);
    const lock = ['lock', 'add', '--identity', 'ana', '--reason', 'left'];
    must(await stage.admin(...lock), lock);
    await until(
      'its end is known',
      async () => (await uses()).find(({ onSite }) => onSite?.cause === 'lock'),
      10_000,
    );
    assert.deepEqual(stage.onDevice(), []);
    await terminal.shows(/left with 255/);
    await enter(await request('locked', 0, 1));
    await terminal.shows(/the broker does not let it open: a lock stands/);
  });
});
