// A session's end that overtakes the start of its own command: nothing runs afterwards.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { Processes } from '../../src/agent/services/processes.ts';
import { systemClock } from '../../src/platform/clock.ts';

for (const useCgroups of [true, false]) {
  const how = useCgroups ? 'by cgroup where there is one' : 'by process group';
  test(`no command starts in a session that has ended (${how})`, async () => {
    const processes = await Processes.open({ name: 'sallyport-test-scope', clock: systemClock, useCgroups });
    try {
      const scope = await processes.openScope('ses_00000000000000000000000001');
      await scope.terminate();
      assert.throws(() => scope.wrap(['true']), /has ended/);
    } finally {
      await processes.close();
    }
  });
}

test('a command that started while its session was ending is killed', async () => {
  const processes = await Processes.open({
    name: 'sallyport-test-scope',
    clock: systemClock,
    useCgroups: false,
  });
  const scope = await processes.openScope('ses_00000000000000000000000002');
  const [file = '', ...args] = scope.wrap(['/bin/sh', '-c', 'trap "" HUP TERM; sleep 60']);
  const child = spawn(file, args, { detached: true, stdio: 'ignore' });
  const exited = once(child, 'exit');
  assert.ok(child.pid);
  await scope.terminate();
  scope.started(child.pid);
  assert.deepEqual(await exited, [null, 'SIGKILL']);
});
