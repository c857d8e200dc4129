// The floor's programs, bundled first so that they pay for no type stripping, and certificates of their own.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Command } from '../measure/processes.ts';
import { writeCertificates } from './certificates.ts';

export interface BareOptions {
  /** Names of files in this folder. */
  readonly programs: readonly string[];
  readonly outdir: string;
  /** Where their certificates will lie. */
  readonly certificates: string;
  readonly nodeFlags?: readonly string[];
}

/** What runs one of the programs. */
export type BareCommand = (name: string, ...args: readonly string[]) => Command;

export async function bundleBare(options: BareOptions): Promise<BareCommand> {
  const { programs, outdir, certificates, nodeFlags = [] } = options;
  await mkdir(certificates, { recursive: true });
  await writeCertificates(certificates);
  await build({
    entryPoints: programs.map((name) => join(import.meta.dirname, `${name}.ts`)),
    outdir,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    packages: 'external',
    outExtension: { '.js': '.mjs' },
    logLevel: 'warning',
  });
  return (name, ...args) => ({
    file: process.execPath,
    args: [...nodeFlags, join(outdir, `${name}.mjs`), certificates, ...args],
  });
}
