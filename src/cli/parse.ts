// Typed words against a command's spec. Tokens come from node's own parseArgs; what a token means, and
// what is said when it means nothing, is here. Pure: a fault is thrown as `invalid` and nothing is read
// or printed.

import type { ParseArgsOptionsConfig } from 'node:util';
import { SallyportError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { commonFlags, type CommandSpec, type FlagSpec } from './catalogue/spec.ts';
import { nearest } from './suggest.ts';

// Importing the module would load all that its exports stand for, 3 ms of every command.
const { parseArgs } = process.getBuiltinModule('node:util');

export type OptionValue = string | boolean | readonly string[] | undefined;
export type Options = Readonly<Record<string, OptionValue>>;

export type Parsed = { readonly kind: 'help' } | { readonly kind: 'run'; readonly options: Options };

/** Throws SallyportError `invalid`. */
export function parseOptions(spec: CommandSpec, args: readonly string[]): Parsed {
  const flags = [...(spec.flags ?? []), ...commonFlags];
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(flags.map((flag) => [flag.name, configOf(flag)])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given = new Map<string, (string | true)[]>();
  const words: string[] = [];
  const rest: string[] = [];
  let isPastFlags = false;
  for (const token of tokens) {
    if (token.kind === 'option-terminator') isPastFlags = true;
    else if (token.kind === 'positional')
      (isPastFlags && spec.rest !== undefined ? rest : words).push(token.value);
    else if (token.name === 'help') return { kind: 'help' };
    else {
      const flag = flags.find((known) => known.name === token.name);
      if (flag === undefined) throw unknownFlag(spec, token.rawName, flags);
      given.set(flag.name, [...(given.get(flag.name) ?? []), readValue(flag, token)]);
    }
  }
  return { kind: 'run', options: { ...readWords(spec, words, rest), ...readFlags(spec, flags, given) } };
}

function configOf(flag: FlagSpec): ParseArgsOptionsConfig[string] {
  return {
    type: flag.value === undefined ? 'boolean' : 'string',
    ...(flag.short === undefined ? {} : { short: flag.short }),
  };
}

const flagLike = /^(?:-[A-Za-z]|--[a-z][a-z-]*(?:=.*)?|--)$/s;

function readValue(
  flag: FlagSpec,
  token: {
    readonly rawName: string;
    readonly value?: string | undefined;
    readonly inlineValue?: boolean | undefined;
  },
): string | true {
  if (flag.value === undefined) {
    if (token.value === undefined) return true;
    throw invalid(`"${token.rawName}" takes no value`, `write "${token.rawName}" alone`);
  }
  // "--reason --json" is a forgotten value far more often than a value that looks like a flag. Fingerprints are none
  // of that: one in 64 begins with "-".
  const isForgotten = token.inlineValue === false && flagLike.test(token.value ?? '');
  if (token.value === undefined || isForgotten) {
    throw invalid(`"${token.rawName}" needs a value`, `write ${token.rawName} ${flag.value}`);
  }
  return token.value;
}

function readWords(spec: CommandSpec, words: readonly string[], rest: readonly string[]): Options {
  const options: Record<string, OptionValue> = {};
  const left = [...words];
  const args = spec.args ?? [];
  for (const [at, arg] of args.entries()) {
    // "SRC… DST": what comes behind gets its word first.
    const later = args.length - at - 1;
    const taken = left.splice(0, arg.many === true ? Math.max(left.length - later, 1) : 1);
    if (taken.length === 0 && arg.optional !== true) {
      throw invalid(`${arg.name.toUpperCase()} is missing`, usageHint(spec));
    }
    if (taken.includes('')) throw invalid(`${arg.name.toUpperCase()} is empty`, usageHint(spec));
    options[arg.name] = arg.many === true ? taken : taken[0];
  }
  const [extra] = left;
  if (extra !== undefined && spec.rest !== undefined) {
    throw invalid(
      `"${printable(extra, 60)}" stands before "--"`,
      `put "--" before the command: ${usage(spec)}`,
    );
  }
  if (extra !== undefined) throw invalid(`"${printable(extra, 60)}" is one word too many`, usageHint(spec));
  if (spec.rest === undefined) return options;
  if (rest.length === 0)
    throw invalid('the command to run is missing', `write it after "--": ${usage(spec)}`);
  return { ...options, command: rest };
}

function readFlags(
  spec: CommandSpec,
  flags: readonly FlagSpec[],
  given: ReadonlyMap<string, readonly (string | true)[]>,
): Options {
  const options: Record<string, OptionValue> = {};
  for (const flag of flags) {
    const values = given.get(flag.name) ?? [];
    const [value] = values;
    if (value === undefined) {
      if (flag.required === true) throw invalid(`"--${flag.name}" is missing`, usageHint(spec));
    } else if (flag.many === true) {
      options[camelCase(flag.name)] = values.map(String);
    } else if (values.length > 1 && flag.value !== undefined) {
      throw invalid(`"--${flag.name}" is given ${values.length} times`, 'give it once');
    } else {
      options[camelCase(flag.name)] = value;
    }
  }
  return options;
}

function unknownFlag(spec: CommandSpec, typed: string, flags: readonly FlagSpec[]): SallyportError {
  const known = nearest(
    typed.replace(/^-+/, ''),
    flags.map((flag) => flag.name),
  );
  const isShort = !typed.startsWith('--');
  const guess = known === undefined || isShort ? '' : `did you mean "--${known}"? `;
  const place = spec.rest === undefined ? '' : `; flags of the command itself go after "--"`;
  return invalid(
    `unknown flag "${printable(typed, 60)}"`,
    `${guess}see "sallyport ${spec.path} --help"${place}`,
  );
}

/** "sallyport exec TARGET [flags] -- CMD…". */
export function usage(spec: CommandSpec): string {
  const parts = [`sallyport ${spec.path}`];
  for (const arg of spec.args ?? []) {
    const word = `${arg.name.toUpperCase()}${arg.many === true ? '…' : ''}`;
    parts.push(arg.optional === true ? `[${word}]` : word);
  }
  for (const flag of spec.flags ?? []) {
    if (flag.required === true) parts.push(`--${flag.name} ${flag.value ?? ''}`.trimEnd());
  }
  if ((spec.flags ?? []).some((flag) => flag.required !== true)) parts.push('[flags]');
  if (spec.rest !== undefined) parts.push(`-- ${spec.rest}`);
  return parts.join(' ');
}

function usageHint(spec: CommandSpec): string {
  return `usage: ${usage(spec)}`;
}

function invalid(message: string, next: string): SallyportError {
  return new SallyportError('invalid', message, { next });
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
