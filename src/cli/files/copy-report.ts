// What a person or a program sees of a copy: progress while it runs, what was left out, and at the end one
// line, or one JSON object for each file.

import { printJsonLine } from '../output.ts';
import type { CopiedItem } from './copy-all.ts';
import type { CopyJobOptions } from './copy-job.ts';
import { Progress } from './progress.ts';
import { itemJson, totalsLine } from './result.ts';

type Events = Pick<
  CopyJobOptions,
  'onPlan' | 'onBegin' | 'onMoved' | 'onKnown' | 'onDone' | 'onSkip' | 'onNote'
>;

export class CopyReport {
  readonly events: Events = {
    onPlan: (plan) => {
      this.#planned = plan.files.length;
      const screen = process.stderr.isTTY ? process.stderr : undefined;
      this.#progress = new Progress({ bytes: plan.bytes, files: plan.files.length }, screen);
    },
    onBegin: (file) => this.#progress?.begun(file.from),
    onMoved: (bytes) => this.#progress?.moved(bytes),
    onKnown: (bytes) => this.#progress?.known(bytes),
    onDone: (item) => {
      this.#progress?.finished();
      this.#done += 1;
      this.#bytes += item.bytes;
      if (item.status === 'unchanged') this.#unchanged += 1;
      if (this.#isJson) this.#items.push(item);
    },
    onSkip: (shown, what) => {
      this.#skipped += 1;
      this.#note(`left out "${shown}": ${what}`);
    },
    onNote: (note) => this.#note(note),
  };
  readonly #isJson: boolean;
  readonly #startedAt = performance.now();
  readonly #items: CopiedItem[] = [];
  #progress: Progress | undefined;
  #planned = 0;
  #done = 0;
  #unchanged = 0;
  #skipped = 0;
  #bytes = 0;

  constructor(options: { readonly isJson: boolean }) {
    this.#isJson = options.isJson;
  }

  end(): void {
    this.#progress?.end();
    for (const item of this.#items) printJsonLine(itemJson(item));
    if (!process.stderr.isTTY || this.#isJson) return;
    const line = totalsLine({
      files: this.#done,
      unchanged: this.#unchanged,
      skipped: this.#skipped,
      bytes: this.#bytes,
      movedBytes: this.#progress?.movedBytes ?? 0,
      ms: performance.now() - this.#startedAt,
    });
    process.stderr.write(`${line}\n`);
  }

  /** After an error, which is told by whoever reports errors. `canResume`: what is half done was kept. */
  stopped({ canResume }: { readonly canResume: boolean }): void {
    this.#progress?.end();
    for (const item of this.#items) printJsonLine(itemJson(item));
    if (this.#planned > 1) this.#note(`${this.#done} of ${this.#planned} files were copied`);
    if (canResume && this.#planned > 0) this.#note('the same command with --resume goes on from here');
  }

  #note(text: string): void {
    const line = `sallyport: ${text}`;
    if (this.#progress === undefined) process.stderr.write(`${line}\n`);
    else this.#progress.note(line);
  }
}
