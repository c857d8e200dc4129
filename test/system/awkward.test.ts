// Networks and disks as they are in the field: a router that forgets quiet connections, a portal that answers TLS
// in the broker's place, a device whose disk is full at each of its writes.

import assert from 'node:assert/strict';
import { mkdir, open, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, suite, test } from 'node:test';
import { mountDisk, unmountDisk, whyNoDisk } from '../doubles/small-disk.ts';
import { Double } from './double.ts';
import { homeAddress, Network, whyNoNetwork } from './network.ts';
import { brokerPort, leave, openWithin } from './network-stage.ts';
import { until } from './program.ts';
import { must, sitePolicy, Stage } from './stage.ts';

const portalPort = 8443;
/** Shorter than a minute, so that the test is; several of the link's pings are within it. */
const forgottenAfterS = 40;

suite('a device in an awkward network', { skip: (await whyNoNetwork()) ?? false }, () => {
  let network: Network;
  let stage: Stage;

  before(async () => {
    network = await Network.build();
    await network.forgetAfter(forgottenAfterS);
    stage = await openWithin(network);
    await stage.signInPeople(await stage.startBroker());
    await stage.joinDevice();
    await stage.startAgent();
    await stage.applyPolicy(sitePolicy);
  });
  after(async () => await leave(network, stage));

  test('R-005 a router that forgets what says nothing never forgets an idle link', async () => {
    const links = (await stage.events('--type', 'link.opened')).length;
    await pause((forgottenAfterS + 10) * 1_000);
    const ran = await stage.ana('exec', stage.device, '--', 'echo', 'still here');
    assert.equal(ran.stdout, 'still here\n', ran.stderr);
    assert.equal((await stage.events('--type', 'link.opened')).length, links, 'it is the same link');
  });

  test('a portal that answers TLS in the broker’s place gets nothing, is named, and leaves no trace', async () => {
    const path = join(stage.stateDir(), 'state.json');
    const before = await readFile(path, 'utf8');
    await stage.agent?.end();
    const portal = await Double.start(
      'portal-main',
      [homeAddress, String(portalPort)],
      network.within('home'),
    );
    await network.redirectAtHome(brokerPort, portalPort);
    try {
      const agent = stage.start(['agent', 'run', '--state', stage.stateDir()], stage.surroundings('device'));
      stage.agent = agent;
      await agent.prints(/is not the broker that was pinned: its certificate comes from another root/);
      assert.equal(await readFile(path, 'utf8'), before);
    } finally {
      const words = ['-t', 'nat', '-F', 'PREROUTING'];
      await network.run('home', 'iptables', '-w', ...words);
      await portal.end();
    }
    await stage.untilOnline();
  });
});

suite('a device whose disk is full', { skip: await whyNoDisk() }, () => {
  let stage: Stage;
  let dir: string;
  const diskMib = 2;

  before(async () => {
    stage = await Stage.open();
    dir = stage.stateDir();
    await mkdir(dir, { mode: 0o700 });
    await mountDisk(dir, { mib: diskMib, mode: '0700' });
    await stage.signInPeople(await stage.startBroker());
    await stage.joinDevice();
    await stage.applyPolicy(sitePolicy);
  });
  after(async () => {
    await stage?.agent?.end();
    await unmountDisk(dir);
    await stage?.close();
  });

  async function whileFull<T>(work: () => Promise<T>): Promise<T> {
    const filler = join(dir, 'filler');
    const file = await open(filler, 'w');
    try {
      const block = Buffer.alloc(4_096);
      for (let written = 0; written <= diskMib * 2 ** 20; written += block.length) await file.write(block);
      assert.fail('the disk did not fill up');
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
    } finally {
      await file.close();
    }
    try {
      return await work();
    } finally {
      await rm(filler);
    }
  }

  async function renew(): Promise<{ readonly code: number | null; readonly stderr: string }> {
    return await stage.run(['agent', 'renew', '--state', dir], stage.surroundings('device'));
  }

  test('a renewal says so and changes nothing; with room again it goes on, and nobody takes it for a copy', async () => {
    const path = join(dir, 'state.json');
    const before = await readFile(path, 'utf8');
    const failed = await whileFull(renew);
    assert.equal(failed.code, 1, failed.stderr);
    assert.match(failed.stderr, /no space left|disk is full/i);
    assert.equal(await readFile(path, 'utf8'), before);
    const torn = (await readdir(dir)).filter((name) => name.endsWith('.tmp'));
    assert.deepEqual(torn, []);
    assert.equal((await renew()).code, 0);
    assert.equal((await renew()).code, 0);
    const seen = (await stage.adminJson('devices', 'show', stage.device)) as { readonly hold?: object };
    assert.equal(seen.hold, undefined);
  });

  test('a session takes no room to be known by: it runs, and is confirmed', async () => {
    await stage.startAgent();
    const ran = await whileFull(async () => await stage.ana('exec', stage.device, '--', 'echo', 'ran'));
    assert.equal(ran.stdout, 'ran\n', ran.stderr);
    // Where its receipt found no room either, it is tried again after half a minute.
    await stage.untilSession('is confirmed', ({ teardown }) => teardown === 'confirmed', 45_000);
  });

  test('a receipt that finds no room is not lost: the agent reports it when it starts again', async () => {
    const stream = stage.start(['exec', stage.device, '--', 'sleep', '3600'], stage.surroundings('ana'));
    const live = await stage.untilSession('is live', (session) => session.live);
    await whileFull(async () => {
      must(await stage.admin('sessions', 'end', live.id), ['sessions', 'end']);
      await stream.exited;
      await until('nothing of it runs', () => stage.onDevice().length === 0);
      await stage.agent?.kill();
    });
    await stage.startAgent();
    await stage.untilSession(
      'is confirmed',
      ({ id, teardown }) => id === live.id && teardown === 'confirmed',
    );
  });
});
