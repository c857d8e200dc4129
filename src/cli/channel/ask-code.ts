// Where policy takes a code of an authenticator app: the terminal asks for it. One at a time: with many targets each
// has its own, and each code is good once.

import { createInterface } from 'node:readline/promises';
import type { SallyportError } from '../../core/errors.ts';

let turn: Promise<unknown> = Promise.resolve();

/** Throws `refusal` where there is no terminal. */
export async function askCode(refusal: SallyportError): Promise<string> {
  if (!process.stdin.isTTY) throw refusal;
  const mine = turn.then(async () => await ask(`sallyport: ${refusal.message}\ncode: `));
  turn = mine.catch(() => undefined);
  return await mine;
}

export async function ask(question: string): Promise<string> {
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await reader.question(question)).trim();
  } finally {
    reader.close();
  }
}
