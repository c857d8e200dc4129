// The one question before something that cannot be undone. Without a terminal nobody can answer, so the
// answer is no, in words.

import { createInterface } from 'node:readline/promises';
import { SallyportError } from '../core/errors.ts';

export async function confirm(
  question: string,
  options: { readonly yes?: boolean | undefined },
): Promise<void> {
  if (options.yes === true) return;
  if (!process.stdin.isTTY) {
    throw new SallyportError('invalid', `this asks before it acts: ${question}`, {
      next: 'add --yes when that is what you mean',
    });
  }
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await reader.question(`${question} [y/N] `);
    if (/^y(es)?$/i.test(answer.trim())) return;
  } finally {
    reader.close();
  }
  throw new SallyportError('conflict', 'nothing was changed', { next: 'answer "y" to go on' });
}
