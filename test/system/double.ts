// A double that runs as a process of its own, on any of the hosts of a test's network: test/doubles/NAME.ts.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export class Double {
  readonly #child: ChildProcess;
  stdout = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves when it says that it listens. */
  static async start(name: string, args: readonly string[], within: readonly string[] = []): Promise<Double> {
    const program = join(import.meta.dirname, '../doubles', `${name}.ts`);
    const [command = process.execPath, ...words] = [...within, process.execPath, program, ...args];
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    const double = new Double(child);
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject).once('exit', () => reject(new Error(`"${name}" ended`)));
      child.stdout.on('data', (chunk: Buffer) => {
        double.stdout += chunk.toString();
        if (double.stdout.includes('listening')) resolve();
      });
    });
    return double;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGTERM');
    await once(this.#child, 'exit');
  }
}
