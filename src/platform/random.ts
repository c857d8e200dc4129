// Chance as an argument: ids, nonces and jitter come from a Random that the rim hands in. The one for
// tests is in seeded-random.ts, a file of its own so that nothing real can pick it by a slip.

import { randomBytes } from 'node:crypto';

export interface Random {
  /** `n` fresh bytes. The system's are fit for keys and nonces. */
  bytes(n: number): Uint8Array;
  /** 0 <= fraction < 1, for jitter. */
  fraction(): number;
}

export const systemRandom: Random = {
  bytes: (n) => randomBytes(n),
  fraction: () => randomBytes(4).readUInt32BE() / 2 ** 32,
};
