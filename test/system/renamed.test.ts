// A broker that moves to a place that devices knew before: they find it there by themselves.

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

  test('a renewal by hand finds it there too', async () => {
    await stage.agent?.end();
    const renewed = await stage.run(
      ['agent', 'renew', '--state', stage.stateDir()],
      stage.surroundings('device'),
    );
    assert.equal(renewed.code, 0, renewed.stderr);
  });
});
