// The one table printer: no borders, fitted to the terminal, every cell made harmless. Off a terminal
// nothing is shortened. Written here because cli-table3 takes 2 s for 5,000 rows, and this 20 ms.

import { printable } from '../core/printable.ts';
import { tone, type Tone } from './output.ts';

export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string | undefined;
  readonly tone?: (row: T) => Tone | undefined;
}

const gap = '  ';
/** Below this a column says nothing any more. */
const narrowest = 6;
const cellMaxLength = 400;

export function printTable<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  options: { readonly empty: string },
): void {
  if (rows.length === 0) {
    process.stdout.write(`${options.empty}\n`);
    return;
  }
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row) ?? '', cellMaxLength)));
  const natural = columns.map((column, at) =>
    cells.reduce((most, line) => Math.max(most, displayWidth(line[at] ?? '')), column.title.length),
  );
  const available = process.stdout.isTTY ? process.stdout.columns : Infinity;
  const widths = fitWidths(natural, available - gap.length * (columns.length - 1));
  const lines = [columns.map((column, at) => tone('quiet', fitText(column.title, widths[at] ?? 0)))];
  for (const [at, row] of rows.entries()) {
    lines.push(
      columns.map((column, index) =>
        tone(column.tone?.(row), fitText(cells[at]?.[index] ?? '', widths[index] ?? 0)),
      ),
    );
  }
  process.stdout.write(`${lines.map((line) => line.join(gap).trimEnd()).join('\n')}\n`);
}

/** Takes from the widest columns until the sum fits. Pure. */
export function fitWidths(natural: readonly number[], available: number): readonly number[] {
  const widths = [...natural];
  let over = widths.reduce((sum, width) => sum + width, 0) - available;
  while (over > 0) {
    const widest = Math.max(...widths);
    if (widest <= narrowest) break;
    widths[widths.indexOf(widest)] = widest - 1;
    over -= 1;
  }
  return widths;
}

/** Exactly `width` columns: filled with spaces, or cut with "…". Pure. */
export function fitText(text: string, width: number): string {
  const natural = displayWidth(text);
  if (natural <= width) return text + ' '.repeat(width - natural);
  let cut = '';
  let used = 0;
  for (const character of text) {
    const next = used + widthOf(character);
    if (next > width - 1) break;
    cut += character;
    used = next;
  }
  return `${cut}…${' '.repeat(width - used - 1)}`;
}

function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width;
}

const mark = /^\p{M}$/u;

/** East Asian wide characters and emoji take two columns, combining marks none. */
function widthOf(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (mark.test(character)) return 0;
  const isWide =
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd);
  return isWide ? 2 : 1;
}
