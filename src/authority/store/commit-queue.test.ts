import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommitQueue } from './commit-queue.ts';

interface Recorded {
  readonly queue: CommitQueue<number>;
  readonly batches: (readonly number[])[];
}

function recording(
  during: (batch: readonly number[], queue: CommitQueue<number>) => void = () => {},
): Recorded {
  const batches: (readonly number[])[] = [];
  const queue: CommitQueue<number> = new CommitQueue((batch) => {
    batches.push(batch);
    during(batch, queue);
    return Promise.resolve();
  });
  return { queue, batches };
}

test('what is pushed in one turn is written together, in order', async () => {
  const { queue, batches } = recording();
  for (const item of [1, 2, 3]) queue.push(item);
  await Promise.resolve();
  queue.push(4);
  await queue.drained();
  assert.deepEqual(batches, [[1, 2, 3, 4]]);
  assert.equal(queue.length, 0);
});

test('what is pushed while a batch is written makes the next one', async () => {
  const { queue, batches } = recording((batch, own) => {
    if (batch.includes(1)) for (const item of [2, 3]) own.push(item);
  });
  queue.push(1);
  await queue.drained();
  assert.deepEqual(batches, [[1], [2, 3]]);
});

test('a long queue is written in bounded batches', async () => {
  const { queue, batches } = recording();
  for (let item = 0; item < 300; item++) queue.push(item);
  await queue.drained();
  assert.deepEqual(
    batches.map(({ length }) => length),
    [128, 128, 44],
  );
  assert.deepEqual(
    batches.flat(),
    Array.from({ length: 300 }, (_, item) => item),
  );
});

test('an empty queue is drained', async () => {
  await recording().queue.drained();
});
