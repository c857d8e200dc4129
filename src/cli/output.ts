// What goes to standard output: JSON for machines, lines for people. Whatever came from elsewhere passes
// printable() or jsonText() first, so that no name, reason or command can drive a terminal (negative
// test R7).

import { printable } from '../core/printable.ts';

export type Tone = 'good' | 'bad' | 'warn' | 'quiet' | 'strong';
const formats = { good: 'green', bad: 'red', warn: 'yellow', quiet: 'dim', strong: 'bold' } as const;

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Colour only where a person looks at it, and not against his will. */
export function tone(kind: Tone | undefined, text: string): string {
  if (kind === undefined || !hasColor()) return text;
  // Not imported: parse.ts says why.
  const { styleText } = process.getBuiltinModule('node:util');
  return styleText(formats[kind], text, { validateStream: false });
}

function hasColor(): boolean {
  const { NO_COLOR, TERM } = process.env;
  return process.stdout.isTTY && (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb';
}

// JSON.stringify escapes the C0 controls only: the C1 ones and the bidirectional overrides would still
// reach a terminal. Line feeds outside strings are layout, inside they are escaped already.
const unsafeInJson = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu;

/** JSON whose every character is harmless on a terminal. */
export function jsonText(value: unknown, options: { readonly isLine?: boolean } = {}): string {
  const text = options.isLine === true ? JSON.stringify(value) : JSON.stringify(value, null, 2);
  return text.replace(unsafeInJson, (character) =>
    [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

export function printJson(value: unknown): void {
  print(jsonText(value));
}

/** One value a line, for streams. */
export function printJsonLine(value: unknown): void {
  print(jsonText(value, { isLine: true }));
}

export type Field = readonly [label: string, value: string | undefined];

/** "label  value" lines; fields without a value are left out. */
export function printFields(fields: readonly Field[]): void {
  const shown = fields.filter((field): field is readonly [string, string] => (field[1] ?? '') !== '');
  const width = Math.max(0, ...shown.map(([label]) => label.length));
  for (const [label, value] of shown) {
    print(`${tone('quiet', label.padEnd(width))}  ${printable(value, 1_000)}`);
  }
}

/** "1 policy", "2 policies". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** A text of several lines from elsewhere: its line feeds stay, everything else becomes harmless. */
export function printableLines(text: string): string {
  return text
    .split('\n')
    .map((line) => printable(line.replaceAll('\t', '    '), 2_000))
    .join('\n');
}
