// A broker whose disk is full: no access is given, cuts still work, the message says why, and when there is
// room again nothing is lost or corrupted. The disk is a small one of its own (tmpfs).

import assert from 'node:assert/strict';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { mountDisk, whyNoDisk } from '../doubles/small-disk.ts';
import { isAlive } from './proc.ts';
import { runCommand, until } from './program.ts';
import { must, sitePolicy, Stage } from './stage.ts';

const diskMib = 24;

suite('a broker whose disk is full', { skip: await whyNoDisk() }, () => {
  let stage: Stage;
  let filler: string;

  before(async () => {
    stage = await Stage.open();
    await mkdir(stage.dataDir, { mode: 0o700 });
    await mountDisk(stage.dataDir, { mib: diskMib, mode: '0700' });
    filler = join(stage.dataDir, 'filler');
    await stage.signInPeople(await stage.startBroker());
    await stage.joinDevice();
    await stage.startAgent();
    await stage.applyPolicy(sitePolicy);
  });

  after(async () => {
    // The disk has to go before the folder; what runs on it, before the disk.
    await stage?.broker?.end();
    await runCommand(['umount', stage?.dataDir ?? '']);
    await stage?.close();
  });

  async function whileFull<T>(work: () => Promise<T>): Promise<T> {
    await fillDisk();
    try {
      return await work();
    } finally {
      await rm(filler);
    }
  }

  async function fillDisk(): Promise<void> {
    const file = await open(filler, 'w');
    try {
      const block = Buffer.alloc(4096);
      for (let written = 0; written <= diskMib * 1024 * 1024; written += block.length)
        await file.write(block);
      assert.fail('the disk did not fill up');
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
    } finally {
      await file.close();
    }
  }

  async function opensOne(): Promise<boolean> {
    return (await stage.ana('exec', stage.device, '--', 'true')).code === 0;
  }

  test('nothing opens, and the answer says why', async () => {
    await whileFull(async () => {
      // What fits into pages that the log has already may still be written; soon nothing is.
      await until('nothing opens', async () => !(await opensOne()));
      const ran = await stage.ana('exec', stage.device, '--', 'echo', 'let in');
      assert.equal(ran.stdout, '');
      assert.equal(ran.code, 255, ran.stderr);
      assert.match(ran.stderr, /cannot write to its store/);
      assert.match(ran.stderr, /next: nothing opens until it can; .*disk/);
      assert.deepEqual(stage.onDevice(), []);
    });
    await until('it opens again', opensOne);
  });

  test('a lock still cuts, and is on the log once there is room', async () => {
    const stream = stage.start(
      ['exec', stage.device, '--', 'sh', '-c', 'while :; do echo tick; sleep 0.01; done'],
      stage.surroundings('ana'),
    );
    await stream.prints(/tick/);
    await whileFull(async () => {
      await until('nothing opens', async () => !(await opensOne()));
      const startedAt = performance.now();
      const words = ['lock', 'add', '--device', stage.device, '--reason', 'stolen'];
      must(await stage.admin(...words), words);
      assert.equal((await stream.exited).code, 255);
      const ms = performance.now() - startedAt;
      assert.ok(ms < 5_000, `it took ${Math.round(ms)} ms, the command line included`);
      await until('nothing of the session runs on the device', () => stage.onDevice().length === 0);
      assert.equal(await opensOne(), false);
    });
    await until('the lock is on the log', async () =>
      (await stage.events('--type', 'lock.created')).find(({ body }) => body?.['reason'] === 'stolen'),
    );
    assert.ok((await stage.events('--type', 'audit.reserve_replayed')).length > 0);
    await stage.untilSession('ended by the lock', (session) => session.endReason === 'lock');
    assert.equal((await stage.ana('exec', stage.device, '--', 'true')).code, 77);
  });

  test('nothing is corrupted: the log verifies, now and after a restart', async () => {
    must(await stage.admin('audit', 'verify'), ['audit', 'verify']);
    assert.equal((await stage.broker?.end())?.code, 0);
    await stage.startBroker();
    assert.ok(isAlive(stage.part('authority')));
    must(await stage.admin('audit', 'verify'), ['audit', 'verify']);
    const locks = (await stage.adminJson('locks', 'ls')) as readonly { readonly id: string }[];
    assert.equal(locks.length, 1, 'the lock is in force');
    must(await stage.admin('unlock', locks[0]?.id ?? ''), ['unlock']);
    await stage.untilOnline();
    assert.ok(await opensOne());
  });

  test('a broker is not started on a full disk, whether its data is there or not, and says why', async () => {
    await stage.broker?.end();
    await whileFull(async () => {
      for (const data of [stage.dataDir, join(stage.dataDir, 'second')]) {
        const words = ['broker', 'run', '--data', data, '--name', 'localhost', '--listen', '127.0.0.1:0'];
        const ran = await stage.run(words, stage.surroundings('broker'));
        assert.equal(ran.code, 1);
        assert.match(ran.stderr, /no space left.*\nnext: free some space/);
        assert.doesNotMatch(ran.stderr, /something failed here that should not/);
      }
    });
  });
});
