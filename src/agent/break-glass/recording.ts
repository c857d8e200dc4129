// What a terminal on site showed, as an asciicast v2 (docs.asciinema.org) in the spool: NDJSON, a header, then lines
// [seconds, "o", text] and [seconds, "r", "80x24"]. Bytes that are no UTF-8 stand there as U+FFFD. What was typed is
// not in it. The file is the device's own (0600), its hash goes to the broker.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { limits } from '../../core/limits.ts';
import type { Clock, Timer } from '../../platform/clock.ts';

export interface RecordingOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly title: string;
  readonly cols: number;
  readonly rows: number;
}

export interface Digest {
  /** Base64url. */
  readonly sha256: string;
  readonly bytes: number;
}

export class Recording {
  readonly #file: FileHandle;
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #text = new TextDecoder();
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #isDirty = false;
  #isClosed = false;
  #sync: Timer | undefined;

  private constructor(file: FileHandle, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
    this.#startedAt = clock.bootMs();
  }

  /** On the disk with its header when it resolves. */
  static async begin({ path, clock, title, cols, rows }: RecordingOptions): Promise<Recording> {
    const recording = new Recording(await open(path, 'wx', 0o600), clock);
    const timestamp = Math.floor(clock.now() / 1_000);
    await recording.#write({ version: 2, width: cols, height: rows, timestamp, title });
    await recording.#file.datasync();
    recording.#syncLater();
    return recording;
  }

  /** Resolves when it is with the kernel: only then may anybody see it. Throws when it cannot be kept. */
  async shown(bytes: Uint8Array): Promise<void> {
    const text = this.#text.decode(bytes, { stream: true });
    if (text !== '') await this.#write([this.#seconds(), 'o', text]);
  }

  async resized(cols: number, rows: number): Promise<void> {
    await this.#write([this.#seconds(), 'r', `${cols}x${rows}`]);
  }

  /** After the last of them. */
  async close(): Promise<Digest> {
    this.#isClosed = true;
    this.#sync?.cancel();
    try {
      await this.#file.datasync();
    } finally {
      await this.#file.close();
    }
    return { sha256: this.#hash.digest('base64url'), bytes: this.#bytes };
  }

  async #write(line: object): Promise<void> {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    if (this.#bytes + bytes.length > limits.onSiteRecordingMaxBytes) throw new Error('the recording is full');
    await this.#file.appendFile(bytes);
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    this.#isDirty = true;
  }

  #seconds(): number {
    return Number(((this.#clock.bootMs() - this.#startedAt) / 1_000).toFixed(6));
  }

  #syncLater(): void {
    if (this.#isClosed) return;
    this.#sync = this.#clock.setTimer(limits.onSiteSyncMs, () => {
      const work = this.#isDirty ? this.#file.datasync() : Promise.resolve();
      this.#isDirty = false;
      // A disk that fails here fails the next write too, and that one is waited for.
      void work.catch(() => undefined).then(() => this.#syncLater());
    });
  }
}

/** Of a recording that an agent before this one left; of none, as of an empty one. */
export async function digestOf(path: string): Promise<Digest> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  return { sha256: hash.digest('base64url'), bytes };
}
