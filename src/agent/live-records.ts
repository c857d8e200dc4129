// Which sessions run on this device, as files in the state directory: one per session, from before its first
// process until its receipt is kept. What an agent finds here when it starts was left by one that was
// killed (negative test I17). Not fsynced: after a power cut no process is left either.

import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseId } from '../core/ids.ts';

export class LiveRecords {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async open(stateDir: string): Promise<LiveRecords> {
    const dir = join(stateDir, 'live');
    await mkdir(dir, { recursive: true, mode: 0o700 });
    return new LiveRecords(dir);
  }

  async add(session: string): Promise<void> {
    await writeFile(join(this.#dir, session), '', { mode: 0o600 });
  }

  async remove(session: string): Promise<void> {
    await rm(join(this.#dir, session), { force: true });
  }

  async list(): Promise<readonly string[]> {
    const names = await readdir(this.#dir);
    return names.filter((name) => parseId('ses', name) !== undefined);
  }
}
