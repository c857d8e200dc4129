// `npm run demo -- --script --story …`: every step does what it should, and afterwards nothing is left.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { noFaketime } from '../../src/cli/demo/faketime.ts';
import { pidsWithEnvironment } from './proc.ts';
import { Program } from './program.ts';

for (const [story, skips] of [
  ['fleet', noFaketime === false ? 0 : 1],
  ['approval', 0],
] as const) {
  test(`the story "${story}" plays by itself, and leaves nothing`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'sp-story-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const env = { HOME: folder, TMPDIR: folder, SALLYPORT_TEST_STAGE: folder };
    const demo = new Program(['demo', '--script', '--story', story], { env });
    demo.child.stdin.end();
    const { code, stdout, stderr } = await demo.finished();
    assert.equal(code, 0, stdout + stderr);
    for (const line of stdout.trim().split('\n')) t.diagnostic(line);
    const skipped = stdout.split('\n').filter((line) => line.startsWith('- '));
    assert.equal(skipped.length, skips, skipped.join('\n'));
    assert.deepEqual(pidsWithEnvironment('SALLYPORT_TEST_STAGE', folder), []);
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name !== 'node-compile-cache'),
      [],
    );
  });
}

test('a story that is not there is named with those that are', async () => {
  const demo = new Program(['demo', '--script', '--story', 'nothing'], { env: {} });
  demo.child.stdin.end();
  const { code, stderr } = await demo.finished();
  assert.equal(code, 2);
  assert.match(stderr, /"fleet" and "approval"/);
});
