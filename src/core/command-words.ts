// A command line as typed into one text -> its words, as a shell would split it: by blanks, with single
// and double quotes and the backslash. Nothing is expanded.

/** Undefined when a quote is left open. */
export function commandWords(line: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < line.length; at += 1) {
    const character = line.charAt(at);
    if (quote !== '') {
      if (character === quote) quote = '';
      else word = (word ?? '') + character;
    } else if (character === "'" || character === '"') {
      quote = character;
      word ??= '';
    } else if (character === '\\' && at + 1 < line.length) {
      at += 1;
      word = (word ?? '') + line.charAt(at);
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + character;
    }
  }
  if (quote !== '') return undefined;
  if (word !== undefined) words.push(word);
  return words;
}

const bareWord = /^[A-Za-z0-9_@%+=:,./-]+$/;

/**
 * The words joined by single spaces. A word with anything beyond plain characters is put in single quotes,
 * as a shell would need it, because otherwise ["rm", "a b"] and ["rm", "a", "b"] would look alike to policy
 * and not to the device.
 */
export function commandLine(argv: readonly string[]): string {
  return argv
    .map((word) => (bareWord.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`))
    .join(' ');
}
