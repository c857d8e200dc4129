// node-pty's traps, each sprung on purpose: the terminal of the agent must lose nothing to them.

import { mock, test } from 'node:test';
import assert from 'node:assert/strict';
import { openPty } from '../../src/agent/services/pty.ts';

const options = { cwd: '/', env: { PATH: '/usr/bin:/bin' }, term: 'xterm', cols: 80, rows: 24 };

test('what a terminal still holds when its command ends is read, however late the reader comes', async () => {
  // Whatever the library does some time after the exit, it does now.
  mock.timers.enable({ apis: ['setTimeout'] });
  const pty = await openPty({ ...options, argv: ['/bin/sh', '-c', 'seq 1 700'] });
  let text = '';
  const ended = new Promise((resolve) => {
    pty.listen({
      onData: (chunk) => {
        text += Buffer.from(chunk).toString('latin1');
      },
      onDrain: () => undefined,
      onEnd: resolve,
    });
  });
  pty.pause();
  await untilGone(pty.pid);
  mock.timers.tick(60_000);
  mock.timers.reset();
  pty.resume();
  assert.deepEqual(await ended, { code: 0 });
  assert.ok(text.endsWith('\r\n700\r\n'), text.slice(-40));
});

test('a command that closes its output before it ends is not hung up', async () => {
  const script = 'exec <&- >&- 2>&-; i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; exit 5';
  const pty = await openPty({ ...options, argv: ['/bin/sh', '-c', script] });
  const ended = new Promise((resolve) => {
    pty.listen({ onData: () => undefined, onDrain: () => undefined, onEnd: resolve });
  });
  assert.deepEqual(await ended, { code: 5 });
});

test('input that the command does not read is not taken without end', async () => {
  const pty = await openPty({
    ...options,
    argv: ['/bin/sh', '-c', 'stty raw -echo; echo ready; exec sleep 600'],
  });
  const ready = Promise.withResolvers<void>();
  const ended = new Promise((resolve) => {
    pty.listen({ onData: () => ready.resolve(), onDrain: () => undefined, onEnd: resolve });
  });
  await ready.promise;
  let taken = 0;
  while (taken < 1_000 && pty.write(Buffer.alloc(4_096, 'x'))) taken++;
  assert.ok(taken < 1_000, 'write() must say when it is full');
  process.kill(pty.pid, 'SIGKILL');
  assert.deepEqual(await ended, { signal: 'KILL' });
});

test('a terminal that was let go ends its command', async () => {
  const pty = await openPty({ ...options, argv: ['/bin/sh', '-c', 'echo ready; exec sleep 600'] });
  const ready = Promise.withResolvers<void>();
  const ended = new Promise((resolve) => {
    pty.listen({ onData: () => ready.resolve(), onDrain: () => undefined, onEnd: resolve });
  });
  await ready.promise;
  pty.destroy();
  assert.deepEqual(await ended, { signal: 'HUP' });
  assert.equal(pty.write(Buffer.from('x')), true);
});

async function untilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setImmediate(resolve));
  // And its end has been heard of here.
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}
