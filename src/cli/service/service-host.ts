// The machine that services are installed on: its files and its systemd. An interface, so that what is done to
// a machine, and in which order, is tested without one.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf, fileFault } from '../../platform/file-fault.ts';
import { removeFile, writeFileAtomic } from '../../platform/files.ts';
import { ownProgram, type OwnProgram } from './program.ts';

export interface CommandResult {
  /** Null: ended by a signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ServiceHost {
  /** Whether systemd runs this machine (sd_booted(3)). */
  readonly isSystemd: boolean;
  readonly isRoot: boolean;
  /** What a service here would start. */
  readonly program: OwnProgram;
  /** Undefined: there is no such file. */
  read(path: string): Promise<string | undefined>;
  /** Whole or not at all; mode 0644. */
  write(path: string, text: string): Promise<void>;
  /** A missing one is fine. */
  remove(path: string): Promise<void>;
  /** Rejects only where the program cannot be started. */
  run(argv: readonly string[]): Promise<CommandResult>;
}

/** What a command may say before the rest of it is dropped. */
const outputMaxLength = 64 * 1024;

export function thisHost(): ServiceHost {
  return {
    isSystemd: existsSync('/run/systemd/system'),
    isRoot: process.getuid?.() === 0,
    program: ownProgram(),
    async read(path) {
      try {
        return await readFile(path, 'utf8');
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return undefined;
        throw fileFault(error, 'read', path);
      }
    },
    async write(path, text) {
      await mkdir(dirname(path), { recursive: true });
      await writeFileAtomic(path, text, { mode: 0o644 });
    },
    remove: removeFile,
    run,
  };
}

function run(argv: readonly string[]): Promise<CommandResult> {
  const [command = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        said[name] = (said[name] + text).slice(0, outputMaxLength);
      });
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...said }));
  });
}
