// File name patterns of one path segment: "*", "?" and "[abc]", "[a-z]", "[!a]"; every other character
// means itself, and a name that begins with "." is matched only by a pattern that does. Names are bytes:
// what is UTF-8 is matched by characters, any other name byte by byte. Pure, and never slower than
// pattern times name.

type Token =
  | { readonly kind: 'many' }
  | { readonly kind: 'one' }
  | { readonly kind: 'unit'; readonly unit: number }
  | { readonly kind: 'set'; readonly isNegated: boolean; readonly ranges: readonly Range[] };
type Range = readonly [from: number, to: number];

export type Glob = readonly Token[];

const dot = 0x2e;

/** Whether a segment of a path is a pattern rather than a name. */
export function isPattern(segment: string): boolean {
  return /[*?[]/.test(segment);
}

export function parseGlob(pattern: string): Glob {
  const characters = Array.from(pattern);
  const tokens: Token[] = [];
  let at = 0;
  while (at < characters.length) {
    const character = characters[at] ?? '';
    if (character === '*') {
      // Two in a row mean one.
      if (tokens.at(-1)?.kind !== 'many') tokens.push({ kind: 'many' });
    } else if (character === '?') tokens.push({ kind: 'one' });
    else {
      const set = character === '[' ? parseSet(characters, at) : undefined;
      if (set !== undefined) {
        tokens.push(set.token);
        at = set.end;
        continue;
      }
      // A "[" that nothing closes means itself, as in a shell.
      tokens.push({ kind: 'unit', unit: unitOf(character) });
    }
    at += 1;
  }
  return tokens;
}

function parseSet(
  characters: readonly string[],
  open: number,
): { readonly token: Token; readonly end: number } | undefined {
  let at = open + 1;
  const isNegated = characters[at] === '!' || characters[at] === '^';
  if (isNegated) at += 1;
  const ranges: Range[] = [];
  // A "]" that comes first is a member.
  for (let isFirst = true; at < characters.length; isFirst = false) {
    const character = characters[at] ?? '';
    if (character === ']' && !isFirst) return { token: { kind: 'set', isNegated, ranges }, end: at + 1 };
    const last = characters[at + 2];
    if (characters[at + 1] === '-' && last !== undefined && last !== ']') {
      ranges.push([unitOf(character), unitOf(last)]);
      at += 3;
    } else {
      ranges.push([unitOf(character), unitOf(character)]);
      at += 1;
    }
  }
  return undefined;
}

export function matchesGlob(glob: Glob, name: Uint8Array): boolean {
  if (name[0] === dot && !startsWithDot(glob)) return false;
  const units = unitsOf(name);
  let token = 0;
  let unit = 0;
  // Where to go back to: the last "*", which then takes one unit more. Earlier ones need no second look.
  let star = -1;
  let taken = 0;
  while (unit < units.length) {
    const now = glob[token];
    if (now?.kind === 'many') {
      star = token;
      taken = unit;
      token += 1;
    } else if (now !== undefined && takes(now, units[unit] ?? 0)) {
      token += 1;
      unit += 1;
    } else if (star !== -1) {
      token = star + 1;
      taken += 1;
      unit = taken;
    } else return false;
  }
  return glob.slice(token).every(({ kind }) => kind === 'many');
}

function startsWithDot(glob: Glob): boolean {
  const [first] = glob;
  return first?.kind === 'unit' && first.unit === dot;
}

function takes(token: Token, unit: number): boolean {
  switch (token.kind) {
    case 'one':
      return true;
    case 'unit':
      return token.unit === unit;
    case 'set':
      return token.ranges.some(([from, to]) => from <= unit && unit <= to) !== token.isNegated;
    case 'many':
      return false;
    default:
      return token satisfies never;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Bytes that are no text lie beyond every character: no pattern names one, "?" and "*" take it. */
const beyondText = 0x110000;

function unitsOf(name: Uint8Array): readonly number[] {
  try {
    return Array.from(utf8.decode(name), unitOf);
  } catch {
    // Not UTF-8, which is an answer here: TextDecoder has no other way to give it.
    return [...name].map((byte) => (byte < 0x80 ? byte : beyondText + byte));
  }
}

function unitOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}
