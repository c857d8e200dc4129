// The machine that the figures belong to.

import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { arch, cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { median, rounded } from './statistics.ts';

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
  /** Median time until 4 KiB are on the disk of the temporary folder: a decision waits for that before a byte moves. */
  readonly diskSyncMs: number;
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
    diskSyncMs: diskSyncMs(),
  };
}

const syncs = 101;

function diskSyncMs(): number {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-disk-'));
  const file = openSync(join(folder, 'file'), 'w');
  try {
    const block = Buffer.alloc(4_096);
    const times = Array.from({ length: syncs }, () => {
      const startedAt = performance.now();
      writeSync(file, block);
      fdatasyncSync(file);
      return performance.now() - startedAt;
    });
    return rounded(median(times));
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true });
  }
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
