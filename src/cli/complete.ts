// Candidates for the last of the typed words, one a line, "word<TAB>description". What is asked of the
// broker is asked quickly and silently: completion must never hang a prompt or print an error into it.

import { SallyportError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { FileFault } from '../platform/file-fault.ts';
import { call } from './api.ts';
import { commonFlags, type CommandSpec, type Completes, type FlagSpec } from './catalogue/spec.ts';
import { commands, commandsOf, findCommand, firstWords } from './commands.ts';
import { print } from './output.ts';
import { loadSignIn } from './profile.ts';

export interface Candidate {
  readonly word: string;
  readonly about?: string;
}

/** What should stand in the place of the last word: fixed candidates, or a kind of thing to look up. */
export type Wanted = readonly Candidate[] | Exclude<Completes, readonly string[]>;

const lookUpTimeoutMs = 1_500;
const lookUpMax = 200;

/** The hidden command `__complete WORD… LAST`, where LAST may be empty. */
export async function complete(words: readonly string[]): Promise<number> {
  const typed = words.at(-1) ?? '';
  const wanted = wantedFor(words);
  const candidates = typeof wanted === 'string' ? await lookUp(wanted) : wanted;
  for (const { word, about } of candidates) {
    if (!word.startsWith(typed)) continue;
    const shown = printable(word);
    print(about === undefined || about === '' ? shown : `${shown}\t${printable(about, 80)}`);
  }
  return 0;
}

/** Pure. */
export function wantedFor(words: readonly string[]): Wanted {
  const before = words.slice(0, -1);
  const typed = words.at(-1) ?? '';
  if (before.length === 0) return firstWords().map((word) => ({ word, ...aboutFirst(word) }));
  const found = findCommand(before);
  if (found.kind === 'noun' && before.length === 1) {
    return commandsOf(found.noun).map((spec) => ({
      word: spec.path.slice(found.noun.length + 1),
      about: spec.summary,
    }));
  }
  if (found.kind !== 'command' || found.args.includes('--')) return [];
  return wantedOf(found.spec, found.args, typed);
}

function wantedOf(spec: CommandSpec, args: readonly string[], typed: string): Wanted {
  const flags = [...(spec.flags ?? []), ...commonFlags];
  const last = args.at(-1);
  const asked = last === undefined ? undefined : flagOf(flags, last);
  if (asked?.value !== undefined) return asFixed(asked.completes);
  if (typed.startsWith('-')) return flags.map(({ name, summary }) => ({ word: `--${name}`, about: summary }));
  const position = countWords(flags, args);
  const specs = spec.args ?? [];
  const arg = specs[position] ?? (specs.some(({ many }) => many === true) ? specs.at(-1) : undefined);
  if (arg !== undefined) return asFixed(arg.completes);
  return spec.rest === undefined ? [] : [{ word: '--', about: 'the command follows' }];
}

function flagOf(flags: readonly FlagSpec[], word: string): FlagSpec | undefined {
  return flags.find(
    ({ name, short }) => word === `--${name}` || (short !== undefined && word === `-${short}`),
  );
}

/** Words that are neither flags nor their values. */
function countWords(flags: readonly FlagSpec[], args: readonly string[]): number {
  let count = 0;
  let isValue = false;
  for (const word of args) {
    if (isValue) isValue = false;
    else if (word.startsWith('-')) isValue = flagOf(flags, word)?.value !== undefined;
    else count += 1;
  }
  return count;
}

function asFixed(completes: Completes | undefined): Wanted {
  if (completes === undefined) return [];
  return typeof completes === 'string' ? completes : completes.map((word) => ({ word }));
}

function aboutFirst(word: string): { readonly about?: string } {
  const direct = commands.find((spec) => spec.path === word);
  return {
    about:
      direct?.summary ??
      commandsOf(word)
        .map(({ path }) => path.slice(word.length + 1))
        .join(', '),
  };
}

async function lookUp(kind: Exclude<Wanted, readonly Candidate[]>): Promise<readonly Candidate[]> {
  // No candidates lets the shell complete file names itself.
  if (kind === 'file') return [];
  try {
    const me = loadSignIn({}, Date.now());
    const quickly = { timeoutMs: lookUpTimeoutMs };
    const page = { limit: lookUpMax };
    switch (kind) {
      case 'target':
      case 'device': {
        const { items } = await call(me, 'GET /v1/devices', { query: page }, quickly);
        return items.map(({ name, online }) => ({ word: name, about: online ? 'online' : 'offline' }));
      }
      case 'session': {
        const { items } = await call(me, 'GET /v1/sessions', { query: { ...page, live: 'true' } }, quickly);
        return items.map(({ id, identity, target }) => ({
          word: id,
          about: `${identity.name} on ${target}`,
        }));
      }
      case 'identity': {
        const { items } = await call(me, 'GET /v1/identities', { query: page }, quickly);
        return items.map(({ name, kind: identityKind }) => ({ word: name, about: identityKind }));
      }
      case 'request': {
        const query = { ...page, open: 'true' } as const;
        const { items } = await call(me, 'GET /v1/requests', { query }, quickly);
        return items.map(({ id, requester, target }) => ({
          word: id,
          about: `${requester.name} on ${target}`,
        }));
      }
      case 'lock': {
        const { items } = await call(me, 'GET /v1/locks', { query: page }, quickly);
        return items.map(({ id, subject, reason }) => ({ word: id, about: `${subject.name}: ${reason}` }));
      }
      default:
        return kind satisfies never;
    }
  } catch (error) {
    if (error instanceof SallyportError || error instanceof FileFault) return [];
    throw error;
  }
}
