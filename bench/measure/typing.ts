// Somebody types on a terminal whose other end echoes: a letter every 50 ms, and how long each takes to come
// back. The echo is the device's terminal's own, with "cat" behind it, so that no program's speed is in it.

import { openTerminal } from './terminal.ts';
import type { Command } from './processes.ts';

export interface Typing {
  /** The echo times of so many letters. */
  type(letters: number): Promise<readonly number[]>;
  leave(): Promise<void>;
  /** Whatever it was about; again costs nothing. */
  kill(): void;
}

const everyMs = 50;
const openMaxMs = 20_000;
const echoMaxMs = 20_000;
const typingMaxMs = 120_000;
const alphabet = 'abcdefghijklmnopqrstuvwxyz';

export async function startTyping(shell: Command): Promise<Typing> {
  const terminal = openTerminal(shell, { maxMs: typingMaxMs });
  try {
    await until(() => terminal.said() !== '', { maxMs: openMaxMs, ended: terminal.ended });
    // The word in two halves: the shell echoes the line that asks for it.
    terminal.type('echo be""gin; exec cat\r');
    await until(() => terminal.said().includes('begin'), { maxMs: openMaxMs, ended: terminal.ended });
  } catch (error) {
    terminal.kill();
    throw error;
  }
  const pending: { readonly letter: string; readonly at: number }[] = [];
  let echoMs: number[] = [];
  terminal.onText((text) => {
    const now = performance.now();
    for (const letter of text) {
      if (letter !== pending[0]?.letter) continue;
      echoMs.push(now - pending[0].at);
      pending.shift();
    }
  });
  return {
    async type(letters) {
      echoMs = [];
      const startedAt = performance.now();
      for (let at = 0; at < letters; at += 1) {
        const letter = alphabet[at % alphabet.length] ?? '';
        pending.push({ letter, at: performance.now() });
        terminal.type(letter);
        await wait(startedAt + (at + 1) * everyMs - performance.now());
      }
      await until(() => pending.length === 0, { maxMs: echoMaxMs, ended: terminal.ended });
      return echoMs;
    },
    async leave() {
      // A new line first: the end of input counts only at the start of one.
      terminal.type('\r\u0004');
      await terminal.ended;
    },
    kill: () => terminal.kill(),
  };
}

async function until(
  isTrue: () => boolean,
  { maxMs, ended }: { readonly maxMs: number; readonly ended: Promise<void> },
): Promise<void> {
  const deadline = performance.now() + maxMs;
  const left = ended.then(() => {
    throw new Error('the shell ended while somebody typed');
  });
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error('what was typed did not come back');
    await Promise.race([wait(everyMs), left]);
  }
  left.catch(() => undefined);
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
