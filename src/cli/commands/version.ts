// sallyport version

import { readFileSync } from 'node:fs';
import type { CommonOptions } from '../catalogue/spec.ts';
import { print, printJson } from '../output.ts';

/** The wire this build speaks (docs/protocol.md). */
export const wireVersion = 1;

export function ownVersion(): string {
  // One folder up from dist, three from src/cli/commands. Nearest first: the gate may not look further up
  // than its own package.
  for (const up of ['../package.json', '../../../package.json']) {
    const version = versionIn(new URL(up, import.meta.url));
    if (version !== undefined) return version;
  }
  return 'unknown';
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
