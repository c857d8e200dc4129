import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exitStatus } from '../../core/errors.ts';
import type { Stage } from './stage.ts';
import { expect, playSteps, type Step } from './step.ts';

test('a step that fails is told and counted, and those after it are played; one that is skipped is no failure', async () => {
  const steps: readonly Step[] = [
    { title: 'one', play: () => Promise.resolve('seen') },
    {
      title: 'two',
      play: async () => {
        expect(false, 'not what it should be');
        return '';
      },
    },
    { title: 'three', play: () => Promise.resolve({ skipped: 'no such thing here' }) },
    { title: 'four', play: () => Promise.resolve('seen too') },
  ];
  const said: string[] = [];
  const say = (text: string): number => said.push(text);
  const status = await playSteps(steps, {} as Stage, { say, startedAt: performance.now() });
  assert.equal(status, exitStatus.failed);
  assert.deepEqual(
    said.map((text) => text.replace(/ \(\d+ ms\)$|\d+ ms$/, '')),
    [
      'ok     one: seen',
      'FAILED two: not what it should be',
      '-      three: skipped: no such thing here',
      'ok     four: seen too',
      '2 of 3 steps did what they should, 1 skipped, in ',
    ],
  );
});
