// Help as text, made from the specs. Pure.

import { commandsOf, commands, firstWords } from './commands.ts';
import { commonFlags, type CommandSpec, type FlagSpec } from './catalogue/spec.ts';
import { usage } from './parse.ts';

export function commandHelp(spec: CommandSpec): string {
  const sections = [spec.summary, `usage: ${usage(spec)}`];
  const own = spec.flags ?? [];
  if (own.length > 0) sections.push(`flags:\n${columns(own.map(flagRow))}`);
  sections.push(`common flags:\n${columns(commonFlags.map(flagRow))}`);
  sections.push(`examples:\n${spec.examples.map((line) => `  ${line}`).join('\n')}`);
  const notes = spec.notes ?? [];
  if (notes.length > 0) sections.push(`notes:\n${notes.map((line) => `  ${line}`).join('\n')}`);
  return `${sections.join('\n\n')}\n`;
}

export function nounHelp(noun: string): string {
  const rows = commandsOf(noun).map((spec) => [spec.path, spec.summary] as const);
  return `commands of "${noun}":\n${columns(rows)}\n\n"sallyport ${noun} COMMAND --help" says more\n`;
}

export function overviewHelp(): string {
  const rows = firstWords().map((word): readonly [string, string] => {
    const direct = commands.find((spec) => spec.path === word);
    if (direct !== undefined) return [word, direct.summary];
    return [
      word,
      commandsOf(word)
        .map((spec) => spec.path.slice(word.length + 1))
        .join(', '),
    ];
  });
  return [
    'sallyport opens sessions on devices that only dial out: each one decided, recorded and provable',
    `commands:\n${columns(rows)}`,
    '"sallyport COMMAND --help" says more and gives examples\n',
  ].join('\n\n');
}

function flagRow(flag: FlagSpec): readonly [string, string] {
  const short = flag.short === undefined ? '' : `-${flag.short}, `;
  const value = flag.value === undefined ? '' : ` ${flag.value}`;
  const notes = [flag.required === true ? 'required' : '', flag.many === true ? 'repeatable' : ''].filter(
    Boolean,
  );
  const note = notes.length === 0 ? '' : ` (${notes.join(', ')})`;
  return [`${short}--${flag.name}${value}`, `${flag.summary}${note}`];
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n');
}
