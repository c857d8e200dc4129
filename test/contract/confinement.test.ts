// The gate's process cannot open what is not its own code, even under the authority's user.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gateConfinement } from '../../src/cli/broker/confinement.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'sallyport.js');

test('a confined process reads its code, but neither the database nor a key, and starts nothing', () => {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-confined-'));
  try {
    const secret = join(dir, 'store.db');
    writeFileSync(secret, 'secret', { mode: 0o600 });
    const attempt = `
      const { readFileSync, writeFileSync } = require('node:fs');
      const { spawnSync } = require('node:child_process');
      const outcome = (run) => { try { run(); return 'done'; } catch (error) { return error.code; } };
      console.log(JSON.stringify([
        outcome(() => readFileSync(${JSON.stringify(program)})),
        outcome(() => readFileSync(${JSON.stringify(secret)})),
        outcome(() => writeFileSync(${JSON.stringify(program)}, '')),
        outcome(() => spawnSync('true')),
      ]));`;
    const { stdout } = spawnSync(process.execPath, [...gateConfinement(program), '-e', attempt], {
      encoding: 'utf8',
    });
    assert.deepEqual(JSON.parse(stdout), [
      'done',
      'ERR_ACCESS_DENIED',
      'ERR_ACCESS_DENIED',
      'ERR_ACCESS_DENIED',
    ]);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
