// A process that commits until it is killed: store-crash.test.ts kills it. After each commit is durable it
// prints the number of the event that went with it.

import { join } from 'node:path';
import { openSqliteStore } from '../../src/authority/store/sqlite-store.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { event, lock } from './store-bodies.ts';

const folder = process.argv[2] ?? '.';
const store = await openSqliteStore({
  path: join(folder, 'store.db'),
  reservePath: join(folder, 'reserve'),
  clock: systemClock,
  random: systemRandom,
});

async function work(): Promise<never> {
  for (;;) {
    // The same random bytes in each run would give the same ids.
    const value = { ...lock(), id: `lck_${Buffer.from(systemRandom.bytes(16)).toString('hex')}` as never };
    const body = { note: value.id, padding: 'x'.repeat(500) };
    const [written] = await store.commit({
      changes: [{ put: 'lock', value, rev: 0 }],
      events: [event('', { body })],
    });
    process.stdout.write(`${written?.seq}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, work));
