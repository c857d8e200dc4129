// Runs this program as its user would, command by command, in processes of its own: the demo shows the
// product, not a rehearsal of it.

import { spawn, type ChildProcess } from 'node:child_process';

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface Surroundings {
  /** SALLYPORT_HOME of the person who types. */
  readonly home: string;
  /** What the program has besides. */
  readonly env?: Readonly<Record<string, string>>;
}

const outputMaxBytes = 4 * 1024 * 1024;

/** Starts `sallyport ...args` in the background. */
export function start(
  args: readonly string[],
  surroundings: Surroundings,
  stdio: 'pipe' | 'inherit' = 'pipe',
): ChildProcess {
  return spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...args], {
    stdio: [stdio === 'inherit' ? 'inherit' : 'ignore', stdio, stdio],
    env: {
      ...process.env,
      ...surroundings.env,
      SALLYPORT_HOME: surroundings.home,
      SALLYPORT_BROKER: undefined,
    },
  });
}

/** Runs `sallyport ...args` to its end. Rejects only when it cannot be started. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<Ran> {
  const startedAt = performance.now();
  const child = start(args, surroundings);
  const [stdout, stderr, status] = await Promise.all([
    collect(child.stdout),
    collect(child.stderr),
    exitOf(child),
  ]);
  return { status, stdout, stderr, ms: performance.now() - startedAt };
}

export async function exitOf(child: ChildProcess): Promise<number> {
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 255));
  });
}

/** Text to the end of a stream. What is over the bound is read and dropped. */
export async function collect(stream: NodeJS.ReadableStream | null): Promise<string> {
  if (stream === null) return '';
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= outputMaxBytes) chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
