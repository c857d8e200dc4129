// Chance for tests: the same seed gives the same bytes on every machine. SHA-256 in counter mode, so
// that ids made from it still look and compare like real ones. Not for keys.

import { createHash } from 'node:crypto';
import type { Random } from './random.ts';

export function seededRandom(seed: string | number): Random {
  let block = 0;
  let held = Buffer.alloc(0);
  const bytes = (n: number): Buffer => {
    while (held.length < n) {
      const next = createHash('sha256').update(`${seed}/${block++}`).digest();
      held = Buffer.concat([held, next]);
    }
    const out = held.subarray(0, n);
    held = held.subarray(n);
    return out;
  };
  return { bytes, fraction: () => bytes(4).readUInt32BE() / 2 ** 32 };
}
