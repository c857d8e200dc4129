// One command from start to end, timed from before spawn() to its exit.

import { once } from 'node:events';
import { isToldToEnd, startProcess, type Command } from './processes.ts';

const runMaxMs = 60_000;
const firstLineMaxMs = 30_000;
const lastWordsMax = 2_000;

export interface Timed {
  readonly ms: number;
  readonly stdout: string;
}

/** Throws when it does not end with status 0, or not in time. */
export async function timed(
  command: Command,
  { maxMs = runMaxMs }: { readonly maxMs?: number } = {},
): Promise<Timed> {
  const startedAt = performance.now();
  const child = startProcess(command, ['ignore', 'pipe', 'pipe']);
  const timer = setTimeout(() => child.kill('SIGKILL'), maxMs);
  const exited = once(child, 'exit').then(() => performance.now() - startedAt);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    stdout += bytes.toString();
  });
  child.stderr?.on('data', (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  const [ms] = await Promise.all([exited, once(child, 'close')]);
  clearTimeout(timer);
  if (child.exitCode !== 0) {
    const words = [command.file, ...command.args].join(' ');
    throw new Error(`"${words}" ended with ${child.exitCode ?? child.signalCode}: ${stderr.trim()}`);
  }
  return { ms, stdout };
}

/** The first line that a long-running process prints; throws its words when it ends instead, or says nothing. */
export async function firstLine(
  command: Command,
  pattern: RegExp,
): Promise<{
  readonly child: ReturnType<typeof startProcess>;
  readonly found: RegExpExecArray;
}> {
  const child = startProcess(command, ['pipe', 'pipe', 'pipe']);
  const timer = setTimeout(() => child.kill('SIGKILL'), firstLineMaxMs);
  let said = '';
  const found = await new Promise<RegExpExecArray>((resolve, reject) => {
    const read = (bytes: Buffer): void => {
      said += bytes.toString();
      const match = pattern.exec(said);
      if (match !== null) resolve(match);
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('error', reject);
    child.once('close', () => reject(new Error(`"${command.args.join(' ')}" ended: ${said.trim()}`)));
  });
  clearTimeout(timer);
  // Kept flowing, so that a talkative process never waits for us.
  child.stdout?.removeAllListeners('data').resume();
  let lastWords = '';
  child.stderr?.removeAllListeners('data').on('data', (bytes: Buffer) => {
    lastWords = `${lastWords}${bytes.toString()}`.slice(-lastWordsMax);
  });
  child.removeAllListeners('close').once('close', () => {
    if (isToldToEnd(child)) return;
    // The row only sees broken connections: this says why.
    process.stderr.write(`"${command.args.join(' ')}" ended by itself: ${lastWords.trim()}\n`);
  });
  return { child, found };
}
