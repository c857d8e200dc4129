import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from './limits.ts';
import { Turns } from './turns.ts';

test('turns are taken in order, one at a time, also after one that failed', async () => {
  const turns = new Turns();
  const order: string[] = [];
  const run = (name: string, fails = false) =>
    turns.take(async () => {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
      if (fails) throw new Error(name);
    });
  const results = await Promise.allSettled([run('a'), run('b', true), run('c')]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.deepEqual(order, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
});

test('more than may wait are turned away', async () => {
  const turns = new Turns();
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = Array.from({ length: limits.turnsWaitingMax }, () => turns.take(async () => await promise));
  await assert.rejects(
    turns.take(async () => await promise),
    { code: 'rate_limited' },
  );
  resolve();
  await Promise.all(waiting);
  await turns.take(async () => await Promise.resolve());
});
