// How a load generator talks with the bench: a request is a line of JSON on stdin, its result a line on
// stdout, one after the other. It leaves when stdin ends.

import { createInterface } from 'node:readline';

export async function answerRequests(run: (request: unknown) => Promise<unknown>): Promise<void> {
  for await (const line of createInterface(process.stdin)) {
    process.stdout.write(`${JSON.stringify(await answer(run, JSON.parse(line)))}\n`);
  }
  process.exit(0);
}

async function answer(
  run: (request: unknown) => Promise<unknown>,
  request: unknown,
): Promise<{ readonly result: unknown } | { readonly error: string }> {
  try {
    return { result: await run(request) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
