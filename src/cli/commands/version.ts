// sallyport version

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CommonOptions } from '../catalogue/spec.ts';
import { print, printJson } from '../output.ts';

/** The wire this build speaks (docs/protocol.md). */
export const wireVersion = 1;

export function ownVersion(): string {
  return ownPackage()?.version ?? 'unknown';
}

/** Of this package. */
export function ownFolder(): string {
  return ownPackage()?.folder ?? '.';
}

function ownPackage(): { readonly folder: string; readonly version: string } | undefined {
  // One folder up from dist, three from src/cli/commands. Nearest first: the gate may not look further up
  // than its own package.
  for (const up of ['../package.json', '../../../package.json']) {
    const path = new URL(up, import.meta.url);
    const version = versionIn(path);
    if (version !== undefined) return { folder: fileURLToPath(new URL('.', path)), version };
  }
  return undefined;
}

export async function run(options: CommonOptions): Promise<number> {
  const versions = {
    sallyport: ownVersion(),
    wire: wireVersion,
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
  };
  if (options.json === true) printJson(versions);
  else {
    print(
      `sallyport ${versions.sallyport}, wire ${versions.wire}, node ${versions.node}, ${versions.platform}`,
    );
  }
  return 0;
}

function versionIn(path: URL): string | undefined {
  try {
    const content = JSON.parse(readFileSync(path, 'utf8')) as {
      readonly name?: unknown;
      readonly version?: unknown;
    };
    return content.name === 'sallyport' && typeof content.version === 'string' ? content.version : undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
