// An authority starts under every name that its configuration allows: a host name, a name with dots, an
// address of either family. Its identity is its own; the names are what its certificate is also good for.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startAuthority } from '../../src/authority/assemble.ts';
import { parseBrokerConfig } from '../../src/core/broker-config.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { systemRandom } from '../../src/platform/random.ts';

for (const name of ['localhost', 'gate.example.com', '203.0.113.10', '2001:db8::10']) {
  test(`an authority named "${name}" starts`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-start-'));
    t.after(async () => await rm(folder, { recursive: true, force: true }));
    const config = parseBrokerConfig({ name });
    if (typeof config === 'string') return assert.fail(config);
    const authority = await startAuthority({
      dataDir: folder,
      runDir: folder,
      config,
      version: '0.1.0',
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    });
    await authority.close();
    assert.match(authority.invite ?? '', /^sp2\.h\./);
  });
}
