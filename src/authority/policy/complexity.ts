// A bound on how deep a policy may nest and how many operators it may chain, held before the text reaches
// the Cedar library. The library has a stack of 1 MiB and parses, checks and evaluates by recursion; an
// overflow traps, and a trapped module does not get its stack back: every later call fails too, until the
// process starts again. Measured with 4.13.0: 109 nested brackets or 284 chained method calls overflow it.
// The two bounds together stay below three quarters of that. Whether the tokens make sense is Cedar's to say.

import { limits } from '../../core/limits.ts';

export interface ComplexityProblem {
  readonly message: string;
  readonly help: string;
  /** UTF-16 offset in the text. */
  readonly start: number;
}

// Strings and comments first, so that what stands inside them is not counted. A string that is not closed
// is no string: its content then counts, and too much is refused rather than too little.
const tokens = /"(?:\\.|[^"\\])*"|\/\/[^\r\n]*|[A-Za-z_]\w*|&&|\|\||[-+*!.;()[\]{}]/g;

/** The first place in the text where a policy exceeds a bound; undefined when none does. */
export function complexityProblem(text: string): ComplexityProblem | undefined {
  let depth = 0;
  let operators = 0;
  for (const { 0: token, index: start } of text.matchAll(tokens)) {
    switch (token) {
      case '(':
      case '[':
      case '{':
        depth += 1;
        break;
      case ')':
      case ']':
      case '}':
        depth -= 1;
        break;
      case '&&':
      case '||':
      case '+':
      case '-':
      case '*':
      case '!':
      case '.':
      case 'if':
        operators += 1;
        break;
      case ';':
        depth = 0;
        operators = 0;
        break;
      default:
        break;
    }
    if (depth > limits.policyNestingMax) {
      const message = `a policy nests its brackets deeper than ${limits.policyNestingMax}`;
      return { message, help: 'divide it into several policies', start };
    }
    if (operators > limits.policyOperatorsMax) {
      const message = `a policy has more than ${limits.policyOperatorsMax} operators and dots`;
      return { message, help: 'divide it, or write a list: ["a", "b"].contains(…)', start };
    }
  }
  return undefined;
}
