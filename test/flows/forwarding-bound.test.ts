// How many connections of one forward are live at once, and what happens to those beyond: real sockets, with
// a plain connection in the place of the channel.

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { Forwarding, type ForwardingOptions } from '../../src/cli/forward/forwarding.ts';
import { openDoor } from '../../src/cli/forward/listen.ts';
import { SallyportError } from '../../src/core/errors.ts';
import { socketStream } from '../../src/link/socket-stream.ts';
import { startTarget, type Target } from '../doubles/tcp-target.ts';

interface Stage {
  readonly forwarding: Forwarding;
  readonly dial: (say?: string) => { readonly socket: Socket; readonly closed: Promise<string> };
}

async function open(t: TestContext, target: Target, options: Partial<ForwardingOptions>): Promise<Stage> {
  const forwarding = new Forwarding({
    startChannel: () => {
      const stream = socketStream(connect({ port: target.port, host: '127.0.0.1', allowHalfOpen: true }));
      return { stream, answer: Promise.resolve({ status: 200, headers: {}, stream }) };
    },
    ...options,
  });
  const door = await openDoor({ host: '127.0.0.1', port: 0 });
  door.handTo((socket) => forwarding.take(socket));
  t.after(() => {
    door.close();
    forwarding.end(new Error('the test is over'));
  });
  const port = Number(door.at.split(':').at(-1));
  return {
    forwarding,
    dial(say) {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      let heard = '';
      const closed = new Promise<string>((resolve) => {
        socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
        socket.on('end', () => socket.end());
        socket.on('error', () => resolve(`reset:${heard}`));
        socket.on('close', () => resolve(heard));
      });
      if (say !== undefined) socket.end(say);
      return { socket, closed };
    },
  };
}

async function untilTrue(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => void setImmediate(resolve));
}

test('beyond the bound connections wait unread, and come in when one of those before them has ended', async (t) => {
  const target = await startTarget(t, (socket) => socket.pipe(socket));
  const { forwarding, dial } = await open(t, target, { max: 2 });
  const held = [dial(), dial()];
  await untilTrue(() => target.accepted === 2);
  const waiting = [dial('third'), dial('fourth')];
  await untilTrue(() => forwarding.counts.waiting === 2);
  assert.deepEqual(forwarding.counts, { live: 2, waiting: 2, total: 2, bytes: 0 });
  assert.equal(target.accepted, 2);
  held[0]?.socket.end('first');
  assert.deepEqual(await Promise.all(waiting.map(({ closed }) => closed)), ['third', 'fourth']);
  assert.equal(await held[0]?.closed, 'first');
  assert.equal(forwarding.counts.total, 4);
});

test('the end of a forward resets what is live and what waits, and whoever comes later', async (t) => {
  const target = await startTarget(t);
  const { forwarding, dial } = await open(t, target, { max: 1 });
  const dialled = [dial(), dial()];
  await untilTrue(() => target.accepted === 1 && forwarding.counts.waiting === 1);
  forwarding.end(new Error('over'));
  const late = dial();
  for (const { closed } of [...dialled, late]) assert.match(await closed, /^(?:reset:)?$/);
  await untilTrue(() => target.open.size === 0 && forwarding.counts.live === 0);
  assert.equal(target.accepted, 1);
});

test('a channel that cannot even be asked for refuses its own connection only', async (t) => {
  const target = await startTarget(t);
  const ends: string[] = [];
  const { forwarding, dial } = await open(t, target, {
    startChannel: () => {
      throw new SallyportError('unavailable', 'the connection is closing');
    },
    onClosed: (end) => ends.push(end.ended === 'refused' ? end.error.code : end.ended),
  });
  await dial('one').closed;
  await dial('two').closed;
  assert.deepEqual(ends, ['unavailable', 'unavailable']);
  assert.equal(forwarding.counts.live, 0);
});
