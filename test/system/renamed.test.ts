// A broker that moves to a place that devices and people knew before: they find it there by themselves.

import assert from 'node:assert/strict';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { freePort } from '../../src/cli/demo/free-port.ts';
import { until } from './program.ts';
import { Stage } from './stage.ts';

suite('a broker that moves', () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.ready();
  });
  after(async () => {
    await stage?.close();
  });

  test('devices that learned the second place in time dial it when the first is silent', async () => {
    const port = await freePort();
    const file = join(stage.dataDir, 'broker.yaml');
    await stage.broker?.end();
    await appendFile(file, `also: localhost:${port}\n`);
    await stage.startBroker();
    await stage.untilOnline();
    await learnWhereElse(stage);
    await stage.broker?.end();
    await writeFile(
      file,
      (await readFile(file, 'utf8')).replace(/^listen: .*$/m, `listen: 127.0.0.1:${port}`),
    );
    const moved = stage.start(['broker', 'run', '--data', stage.dataDir], stage.surroundings('broker'));
    await moved.prints(/listening on/);
    const status = ['agent', 'status', '--state', stage.stateDir(), '--json'];
    await until('the device found it', async () => {
      const { stdout } = await stage.run(status, stage.surroundings('device'));
      const { running } = JSON.parse(stdout) as { running?: { link: string; address: string } };
      return running?.link === 'up' && running.address === `localhost:${port}`;
    });
    assert.equal(moved.hasExited, false);
  });

  test('people who renewed their sign-in in time, or made one since, reach it there', async () => {
    for (const who of ['ana', 'bo'] as const) {
      const { code, stdout, stderr } = await stage.run(['whoami', '--json'], stage.surroundings(who));
      assert.equal(code, 0, stderr);
      assert.equal((JSON.parse(stdout) as { name: string }).name, who);
    }
    const ran = await stage.ana('exec', stage.device, '--', 'echo', 'found');
    assert.deepEqual([ran.code, ran.stdout], [0, 'found\n'], ran.stderr);
  });

  test('who was not there meanwhile is told what is not reached', async () => {
    const { code, stderr } = await stage.admin('whoami');
    assert.equal(code, 69);
    assert.match(stderr, new RegExp(stage.address));
  });

  test('a renewal by hand finds it there too', async () => {
    await stage.agent?.end();
    const renewed = await stage.run(
      ['agent', 'renew', '--state', stage.stateDir()],
      stage.surroundings('device'),
    );
    assert.equal(renewed.code, 0, renewed.stderr);
  });
});

/** Ana's sign-in is past its half, so that her next command renews it; bo signs in for the first time. */
async function learnWhereElse(stage: Stage): Promise<void> {
  const bo = (await stage.adminJson('identities', 'add', 'bo', '--role', 'operator')) as { token: string };
  const login = ['login', stage.address, '--invite', bo.token];
  assert.equal((await stage.run(login, stage.surroundings('bo'))).code, 0);
  const home = stage.surroundings('ana').env?.['SALLYPORT_HOME'] ?? '';
  const file = join(home, 'profiles', stage.address, 'profile.json');
  const profile = JSON.parse(await readFile(file, 'utf8')) as { notBefore: number };
  await writeFile(file, JSON.stringify({ ...profile, notBefore: profile.notBefore - 24 * 3_600_000 }));
  assert.equal((await stage.ana('whoami')).code, 0);
}
