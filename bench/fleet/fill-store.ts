// Very many devices in the store of a broker that does not run, written by the store's own code.

import { join } from 'node:path';
import { withStore } from '../../src/authority/backup/stopped.ts';
import type { Change } from '../../src/authority/store/store.ts';
import type { Device } from '../../src/core/device.ts';
import { newId } from '../../src/core/ids.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { sha256 } from '../../src/wire/signed.ts';

const perCommit = 1_000;

export async function fillStore(dataDir: string, count: number): Promise<void> {
  await withStore(join(dataDir, 'authority'), async (store) => {
    for (let at = await store.count('device', {}); at < count; at += perCommit) {
      const changes = Array.from({ length: Math.min(perCommit, count - at) }, (_, n) => device(at + n));
      await store.commit({ changes, events: [] });
    }
  });
}

function device(number: number): Change {
  const key = sha256(`key of ${number}`);
  const value: Device = {
    id: newId('dev', systemRandom.bytes(16)),
    name: `filled-${number}`,
    owner: newId('idn', new Uint8Array(16)),
    purpose: 'to be many',
    labels: { site: `site-${number % 300}` },
    tenant: 'default',
    spki: key,
    publicKey: key,
    linkEpoch: 1,
    createdAt: systemClock.now(),
    lastSeenAt: systemClock.now(),
    agentVersion: '0.1.0',
    renewal: { n: 1, expected: key, lastRequestHash: key, lastAnswer: 'x'.repeat(3_000) },
  };
  return { put: 'device', value, rev: 0 };
}
