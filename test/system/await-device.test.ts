// R-009 as a person has it: the device is away, the command waits for it, and works when it is back.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Stage } from './stage.ts';

suite('a command that waits for its device', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.ready();
    await stage.agent?.end();
  });
  after(async () => {
    await stage?.close();
  });

  test('R-009 it says so when the device does not come back in time', async () => {
    const ran = await stage.ana('exec', stage.device, '--wait', '1s', '--', 'true');
    assert.equal(ran.code, 75, ran.stderr);
    assert.match(ran.stderr, /did not come back within 1s/);
  });

  test('R-009 it works when the device is back, also over a restart of the broker', async () => {
    const waiting = stage.start(
      ['exec', stage.device, '--wait', '1m', '--', 'echo', 'here'],
      stage.surroundings('ana'),
    );
    await stage.untilEvent('session.waiting', 2);
    process.kill(stage.part('authority'), 'SIGKILL');
    await stage.untilEvent('session.waiting', 3);
    await stage.startAgent();
    const { code, stdout, stderr } = await waiting.finished();
    assert.deepEqual([code, stdout], [0, 'here\n'], stderr);
  });
});
