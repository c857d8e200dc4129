// The one table printer: no borders, fitted to the terminal, every cell made harmless. Off a terminal
// nothing is shortened.

import { printable } from '../core/printable.ts';
import { print, tone, type Tone } from './output.ts';

export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string | undefined;
  readonly tone?: (row: T) => Tone | undefined;
}

const gap = 2;
/** Below this a column says nothing any more. */
const narrowest = 6;

export async function printTable<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  options: { readonly empty: string },
): Promise<void> {
  if (rows.length === 0) return print(options.empty);
  const { default: Table } = await import('cli-table3');
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row) ?? '', 400)));
  const widths = columns.map((column, at) =>
    Math.max(column.title.length, ...cells.map((line) => displayWidth(line[at] ?? ''))),
  );
  const available = process.stdout.isTTY ? process.stdout.columns : Infinity;
  const table = new Table({
    chars: Object.fromEntries(borders.map((border) => [border, ''])),
    colWidths: fitWidths(widths, available - gap * (columns.length - 1)).map(
      (width, at) => width + (at === columns.length - 1 ? 0 : gap),
    ),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  table.push(columns.map((column) => tone('quiet', column.title)));
  for (const [at, row] of rows.entries()) {
    table.push(columns.map((column, index) => tone(column.tone?.(row), cells[at]?.[index] ?? '')));
  }
  for (const line of table.toString().split('\n')) print(line.trimEnd());
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

/** Columns that the text takes. East Asian wide characters and emoji take two. */
function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += isWide(character.codePointAt(0) ?? 0) ? 2 : 1;
  return width;
}

function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd)
  );
}

const borders = [
  'top', 'top-mid', 'top-left', 'top-right',
  'bottom', 'bottom-mid', 'bottom-left', 'bottom-right',
  'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle',
] as const; // prettier-ignore
