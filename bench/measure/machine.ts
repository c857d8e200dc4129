// The machine that the figures belong to.

import { execFileSync } from 'node:child_process';
import { arch, cpus, loadavg, release, totalmem } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMib: number;
  readonly kernel: string;
  readonly arch: string;
  readonly node: string;
  readonly openssl: string;
  readonly openssh: string | null;
  readonly loadBefore: number;
}

export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? 'unknown',
    cores: all.length,
    memoryMib: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    arch: arch(),
    node: process.version,
    openssl: process.versions.openssl,
    openssh: opensshVersion(),
    loadBefore: loadavg()[0] ?? 0,
  };
}

function opensshVersion(): string | null {
  try {
    // It says so on stderr, which is joined to what execFileSync returns.
    return execFileSync('sh', ['-c', 'ssh -V 2>&1'], { encoding: 'utf8' }).trim();
  } catch {
    // No ssh: the column is skipped, and says so itself.
    return null;
  }
}
