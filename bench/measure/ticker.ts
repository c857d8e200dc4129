// The command of a streaming session: a line a second while the others open, and at its full pace once a
// file is there. perl where there is one: a thousand Node processes would measure themselves.

import { existsSync } from 'node:fs';

export interface Ticker {
  readonly tickMs: number;
  /** Full pace from when it exists. */
  readonly go: string;
}

/** Every ticker has seen the file after it. */
export const slowTickMs = 1_000;

const perl = '/usr/bin/perl';

export function tickerCommand({ tickMs, go }: Ticker): readonly string[] {
  if (existsSync(perl)) {
    const wait = `-e $ARGV[0] ? ${tickMs / 1_000} : ${slowTickMs / 1_000}`;
    return [perl, '-e', `$| = 1; while (1) { print "tick\\n"; select(undef, undef, undef, ${wait}) }`, go];
  }
  const wait = `require('fs').existsSync(process.argv[1]) ? ${tickMs} : ${slowTickMs}`;
  const tick = `function tick() { process.stdout.write('tick\\n'); setTimeout(tick, ${wait}) }`;
  return [process.execPath, '-e', `${tick} tick()`, go];
}
