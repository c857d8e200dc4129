// The demo's files: up and down again with their hash compared, and a path that nobody granted.

import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exitStatus } from '../../core/errors.ts';
import { run } from './program.ts';
import { demoDevice, filesOf, type Stage } from './stage.ts';
import { expect, type Step } from './step.ts';

const bytes = 4 * 1024 * 1024;

export const fileSteps: readonly Step[] = [
  { title: 'a file up, and down again', play: upAndDown },
  {
    title: 'a path that nothing grants',
    play: async (stage) => {
      const ran = await run(
        ['cp', join(stage.folder, 'sent.bin'), `${demoDevice}:/etc/sent.bin`],
        stage.operator,
      );
      expect(ran.status === exitStatus.denied, `exit ${ran.status}: ${ran.stderr}`);
      return `denied (exit 77): ${ran.stderr.split('\n')[0] ?? ''}`;
    },
  },
];

async function upAndDown(stage: Stage): Promise<string> {
  const sent = join(stage.folder, 'sent.bin');
  const back = join(stage.folder, 'back.bin');
  const there = `${demoDevice}:${join(filesOf(stage.folder), 'sent.bin')}`;
  await writeFile(sent, randomBytes(bytes));
  for (const [from, to] of [
    [sent, there],
    [there, back],
  ] as const) {
    const ran = await run(['cp', from, to], stage.operator);
    expect(ran.status === 0, `cp ended with ${ran.status}: ${ran.stderr}`);
  }
  const [one, other] = [await hashOf(sent), await hashOf(back)];
  expect(one === other, `sent ${one}, came back ${other}`);
  return `4 MiB, SHA-256 ${one.slice(0, 12)}… on both sides`;
}

async function hashOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
