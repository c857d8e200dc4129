// A program whose whole machine shows another time, TLS included: libfaketime, where it is installed.

import { existsSync } from 'node:fs';

const places = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map(
  (machine) => `/usr/lib/${machine}/faketime/libfaketime.so.1`,
);
const library = places.find((path) => existsSync(path));

/** Why what needs it is skipped, or false. */
export const noFaketime = library === undefined ? 'it needs libfaketime (apt install faketime)' : false;

type Env = Readonly<Record<string, string>>;

/** Only what the clock on the wall shows: what is measured from the boot on stays true. */
export function atAnotherTime<S extends { readonly env?: Env }>(
  surroundings: S,
  days: number,
): S & { readonly env: Env } {
  const env = {
    LD_PRELOAD: library ?? '',
    FAKETIME: `${days < 0 ? '' : '+'}${days}d`,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  return { ...surroundings, env: { ...surroundings.env, ...env } };
}
