// Load generators, what they aim at, and the long way between (load/, targets/, path/): small processes of
// their own, the same ones for every column, so that a column is only what stands between them.

import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endProcess, startProcess } from './processes.ts';
import { firstLine } from './run.ts';

export interface Target {
  readonly port: number;
  readonly pid: number;
  close(): Promise<void>;
}

export interface Load<Request, Result> {
  readonly pid: number;
  /** One at a time. */
  run(request: Request): Promise<Result>;
  close(): Promise<void>;
}

type Answer<Result> = { readonly result: Result } | { readonly error: string };

const bench = join(import.meta.dirname, '..');
/** The longest single measurement is a fraction of it. */
const runMaxMs = 180_000;

export function startTarget(name: 'echo' | 'http' | 'stream'): Promise<Target> {
  return start([join(bench, 'targets', `${name}.ts`)]);
}

/** The long way to a port (path/relay.ts). */
export function startRelay(port: number): Promise<Target> {
  return start([join(bench, 'path', 'relay.ts'), String(port)]);
}

async function start(args: readonly string[]): Promise<Target> {
  const { child, found } = await firstLine({ file: process.execPath, args }, /(\d+)\n/);
  return { port: Number(found[1]), pid: child.pid ?? 0, close: () => endProcess(child) };
}

export function startLoad<Request, Result>(name: 'bulk' | 'connect' | 'http'): Load<Request, Result> {
  const file = join(bench, 'load', `${name}.ts`);
  const child = startProcess({ file: process.execPath, args: [file] }, ['pipe', 'pipe', 'inherit']);
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('a load generator has no pipes');
  stdin.on('error', () => undefined);
  const lines = createInterface(stdout);
  const left = once(child, 'exit').then(() => {
    throw new Error(`the load generator "${name}" ended`);
  });
  // Told to whoever waits for a result; between two of them nobody does.
  left.catch(() => undefined);
  return {
    pid: child.pid ?? 0,
    async run(request) {
      const answered = once(lines, 'line');
      const timer = setTimeout(() => child.kill('SIGKILL'), runMaxMs);
      try {
        stdin.write(`${JSON.stringify(request)}\n`);
        const [line] = (await Promise.race([answered, left])) as [string];
        const answer = JSON.parse(line) as Answer<Result>;
        if ('error' in answer) throw new Error(answer.error);
        return answer.result;
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => endProcess(child),
  };
}
