// Text from strangers, made inert before a person sees it (negative test R7): control characters,
// escape sequences, bidirectional overrides, zero-width characters and line separators become visible
// \u{…} forms. Used by the CLI, the log and every message that quotes a name.

// Every "other" category (control, format, surrogate, private, unassigned), separators, and the fillers
// that draw nothing.
const unsafe = /[\p{C}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]/gu;

/** One line of harmless text. `maxLength` counts UTF-16 units of the result. */
export function printable(text: string, maxLength = 200): string {
  const inert = text.replace(unsafe, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
  return inert.length <= maxLength ? inert : `${inert.slice(0, maxLength - 1)}…`;
}

/** Whether the text is already inert, so that it may be stored as a name. */
export function isPrintable(text: string): boolean {
  return text.search(unsafe) === -1;
}
