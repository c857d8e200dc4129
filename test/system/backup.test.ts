// The restore drill: a backup while the broker works, the broker lost, and back from it: the log whole,
// nothing resurrected, devices back by themselves; and an old database that somebody put back by hand.

import assert from 'node:assert/strict';
import { cp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { until } from './program.ts';
import { must, Stage } from './stage.ts';

interface Key {
  readonly recipient: string;
}

interface Restored {
  readonly stateEpoch: number;
  readonly sealedBy?: string;
  readonly sessionsEnded: number;
  readonly locksReplayed: number;
}

suite('backup and restore', () => {
  let stage: Stage;
  let key: string;
  let recipient: string;

  before(async () => {
    stage = await Stage.ready();
    key = join(stage.folder, 'backup.key');
    const made = await onBroker('backup-key', key, '--json');
    recipient = (JSON.parse(made) as Key).recipient;
    assert.equal((await stat(key)).mode & 0o777, 0o600);
  });
  after(async () => {
    await stage?.close();
  });

  async function onBroker(...words: readonly string[]): Promise<string> {
    return must(await stage.run(['broker', ...words], stage.surroundings('broker')), words);
  }

  async function backup(name: string): Promise<string> {
    const file = join(stage.folder, name);
    await writeFile(join(stage.dataDir, 'tickets.yaml'), 'sources: {}\n', { mode: 0o600 });
    await onBroker('backup', file, '--to', recipient, '--data', stage.dataDir);
    return file;
  }

  /** The administrator's sign-in of before is worth nothing. */
  async function newSignIn(): Promise<void> {
    for (const [name, place] of [
      ['admin', 'admin'],
      ['ana', 'ana'],
    ] as const) {
      const [token = ''] = /sp2\.h\.\S+/.exec(await onBroker('invite', name, '--data', stage.dataDir)) ?? [];
      must(await stage.run(['login', stage.address, '--invite', token], stage.surroundings(place)), [
        'login',
      ]);
    }
  }

  async function restore(file: string, ...more: readonly string[]): Promise<Restored> {
    await stage.broker?.end();
    await rm(stage.dataDir, { recursive: true });
    const words = ['restore', file, '--key', key, '--data', stage.dataDir, '--json', ...more];
    const restored = JSON.parse(await onBroker(...words)) as Restored;
    assert.equal(await readFile(join(stage.dataDir, 'tickets.yaml'), 'utf8'), 'sources: {}\n');
    await stage.startBroker();
    return restored;
  }

  test('check says that all is good, while it runs', async () => {
    const ran = await stage.run(['broker', 'check', '--data', stage.dataDir], stage.surroundings('broker'));
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    assert.match(ran.stdout, /log +good +whole, \d+ events/);
  });

  test('a backup under work holds a whole log, is private, and tells nothing', async () => {
    const busy = Promise.all(
      Array.from({ length: 6 }, async () => (await stage.ana('exec', stage.device, '--', 'true')).code),
    );
    const file = await backup('under-work');
    assert.deepEqual(new Set(await busy), new Set([0]));
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const bytes = await readFile(file);
    for (const word of ['SQLite', 'PRIVATE KEY', stage.device]) assert.ok(!bytes.includes(word), word);
    const again = await stage.run(
      ['broker', 'backup', file, '--to', recipient, '--data', stage.dataDir],
      stage.surroundings('broker'),
    );
    assert.match(again.stderr, /is there already[^]*--force/);
  });

  test('what is damaged, foreign or in the way is refused with words, and nothing is touched', async () => {
    const file = join(stage.folder, 'under-work');
    const cut = join(stage.folder, 'cut');
    await cp(file, cut);
    await truncate(cut, (await stat(cut)).size - 20_000);
    const elsewhere = join(stage.folder, 'elsewhere');
    const other = join(stage.folder, 'other.key');
    await onBroker('backup-key', other);
    for (const [words, says] of [
      [['restore', cut, '--key', key, '--data', elsewhere], /changed, or cut off/],
      [['restore', file, '--key', other, '--data', elsewhere], /does not open it/],
      [['restore', key, '--key', key, '--data', elsewhere], /no sealed backup/],
      [['restore', file, '--key', key, '--data', stage.dataDir], /is not empty/],
    ] as const) {
      const ran = await stage.run(['broker', ...words], stage.surroundings('broker'));
      assert.notEqual(ran.code, 0);
      assert.match(ran.stderr, says);
      assert.match(ran.stderr, /next:/);
    }
    await assert.rejects(stat(elsewhere), { code: 'ENOENT' });
  });

  test('I14 R-091 the drill: the log verifies, no grant is resurrected, the device is back, a person opens it', async () => {
    const file = await backup('drill');
    const stream = stage.start(['exec', stage.device, '--', 'sleep', '3600'], stage.surroundings('ana'));
    await stage.untilSession('is live', ({ live }) => live);
    const live = await backup('with-a-session');
    await stage.broker?.kill();
    await stream.exited;

    const restored = await restore(live);
    assert.ok(restored.sessionsEnded >= 1);
    assert.equal((await stage.admin('whoami')).code, 77, 'sign-ins of before are worth nothing');
    await newSignIn();
    await stage.untilOnline();
    const verified = await stage.admin('audit', 'verify');
    assert.match(verified.stdout + verified.stderr, /whole|broken at event \d+: another log/);
    const left = (await stage.sessions()).filter((session) => session.live);
    assert.deepEqual(left, [], 'no session is live again');
    const sealed = await stage.ana('exec', stage.device, '--', 'true');
    assert.equal(sealed.code, 77, sealed.stderr);
    assert.match(sealed.stderr, /restored from a backup/);
    must(await stage.admin('unlock', restored.sealedBy ?? ''), ['unlock']);
    assert.equal((await stage.ana('exec', stage.device, '--', 'true')).code, 0);
    await rm(file);
  });

  test('locks and removals since the backup are in force again from an exported log', async () => {
    const file = await backup('before-the-lock');
    must(await stage.admin('lock', 'add', '--device', stage.device, '--reason', 'stolen'), ['lock', 'add']);
    const log = join(stage.folder, 'log.json');
    await writeFile(
      log,
      must(await stage.admin('audit', 'search', '--limit', '1000', '--json'), ['audit', 'search']),
    );
    const restored = await restore(file, '--locks', log);
    assert.equal(restored.sealedBy, undefined);
    assert.ok(restored.locksReplayed >= 1);
    await newSignIn();
    const locks = (await stage.adminJson('locks', 'ls')) as readonly {
      readonly id: string;
      readonly reason: string;
    }[];
    assert.deepEqual(
      locks.map(({ reason }) => reason),
      ['stolen'],
    );
    must(await stage.admin('unlock', locks[0]?.id ?? ''), ['unlock']);
    await stage.untilOnline();
    assert.equal((await stage.ana('exec', stage.device, '--', 'true')).code, 0);
  });

  test('I14 an old database that was put back by hand is refused by the device, and the log says why', async () => {
    const old = join(stage.folder, 'old-data');
    const file = await backup('raise');
    await stage.broker?.end();
    await cp(stage.dataDir, old, { recursive: true, filter: (path) => !path.endsWith('.sock') });
    await stage.startBroker();
    await restore(file);
    await newSignIn();
    await stage.untilOnline();

    await stage.broker?.end();
    await rm(stage.dataDir, { recursive: true });
    await cp(old, stage.dataDir, { recursive: true });
    await stage.startBroker();
    await newSignIn();
    await until('the refusal is on the log', async () => {
      return (await stage.events('--type', 'link.refused')).some(({ code }) => code === 'pass_epoch');
    });
    const ran = await stage.ana('exec', stage.device, '--', 'true');
    assert.equal(ran.code, 69, ran.stderr);
  });
});
