// What a copy tells at its end: a line for a person, or one JSON object for each file. Names that are no
// text go into JSON as they are, in base64.

import { formatDuration } from '../../core/duration.ts';
import { counted } from '../output.ts';
import type { CopiedItem } from './copy-all.ts';
import { textOf } from './names.ts';
import { formatBytes } from './progress.ts';

export interface Totals {
  readonly files: number;
  readonly unchanged: number;
  readonly skipped: number;
  readonly bytes: number;
  readonly movedBytes: number;
  readonly ms: number;
}

/** "12 files, 1.2 GB in 4s (290 MB/s), every SHA-256 the same at both ends". */
export function totalsLine(totals: Totals): string {
  const { files, unchanged, skipped, bytes, movedBytes, ms } = totals;
  const speed = ms > 0 && movedBytes > 0 ? ` (${formatBytes((movedBytes / ms) * 1_000)}/s)` : '';
  const parts = [
    `${counted(files, 'file')}, ${formatBytes(bytes)} in ${formatDuration(ms)}${speed}`,
    ...(unchanged > 0 ? [`${unchanged} of them there already`] : []),
    ...(skipped > 0 ? [`${skipped} left out`] : []),
    ...(files > 0 ? ['every SHA-256 the same at both ends'] : []),
  ];
  return parts.join(', ');
}

export function itemJson(item: CopiedItem): Readonly<Record<string, unknown>> {
  return {
    ...named('from', item.from),
    ...named('to', item.to),
    status: item.status,
    bytes: item.bytes,
    sha256: item.sha256,
  };
}

function named(key: string, path: Buffer): Readonly<Record<string, string>> {
  const text = textOf(path);
  if (text !== undefined) return { [key]: text };
  return { [key]: path.toString('utf8'), [`${key}Base64`]: path.toString('base64') };
}
