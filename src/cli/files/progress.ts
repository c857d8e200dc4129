// How far a copy is, on one line of a terminal that is written over at most four times a second; silent
// where nobody looks. The line itself is pure: text of numbers.

import { formatDuration } from '../../core/duration.ts';
import { fitText } from '../table.ts';
import { shownPath } from './names.ts';

export interface Standing {
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly doneFiles: number;
  readonly totalFiles: number;
  readonly bytesPerSecond: number;
  readonly name: string;
}

const everyMs = 250;
/** The speed shown is that of the last seconds: it follows a link that got slower. */
const speedWindowMs = 5_000;

export class Progress {
  readonly #screen: NodeJS.WriteStream | undefined;
  readonly #total: { readonly bytes: number; readonly files: number };
  readonly #samples: { readonly at: number; readonly moved: number }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #moved = 0;
  #known = 0;
  #files = 0;
  #name = '';

  /** `screen`: where a person looks, or undefined. */
  constructor(
    total: { readonly bytes: number; readonly files: number },
    screen: NodeJS.WriteStream | undefined,
  ) {
    this.#total = total;
    this.#screen = screen;
    if (screen === undefined) return;
    this.#timer = setInterval(() => this.#draw(), everyMs);
    this.#timer.unref();
  }

  get movedBytes(): number {
    return this.#moved;
  }

  moved(count: number): void {
    this.#moved += count;
  }

  known(count: number): void {
    this.#known += count;
  }

  begun(path: Uint8Array): void {
    if (this.#screen !== undefined) this.#name = shownPath(path);
  }

  finished(): void {
    this.#files += 1;
  }

  /** A line that stays, above the one that moves. */
  note(line: string): void {
    this.#clear();
    process.stderr.write(`${line}\n`);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#clear();
  }

  #clear(): void {
    this.#screen?.write('\r\x1b[K');
  }

  #draw(): void {
    const now = performance.now();
    this.#samples.push({ at: now, moved: this.#moved });
    while (this.#samples.length > 2 && now - (this.#samples[0]?.at ?? now) > speedWindowMs) {
      this.#samples.shift();
    }
    const [first] = this.#samples;
    const seconds = (now - (first?.at ?? now)) / 1_000;
    const line = standingLine(
      {
        doneBytes: this.#moved + this.#known,
        totalBytes: this.#total.bytes,
        doneFiles: this.#files,
        totalFiles: this.#total.files,
        bytesPerSecond: seconds > 0 ? (this.#moved - (first?.moved ?? 0)) / seconds : 0,
        name: this.#name,
      },
      this.#screen?.columns ?? 80,
    );
    this.#screen?.write(`\r${line}\x1b[K`);
  }
}

/** One line, at most `columns - 1` wide: a full last column would wrap on some terminals. Pure. */
export function standingLine(standing: Standing, columns: number): string {
  const { doneBytes, totalBytes, doneFiles, totalFiles, bytesPerSecond } = standing;
  const percent = totalBytes === 0 ? 100 : Math.min(100, Math.floor((doneBytes / totalBytes) * 100));
  const left = totalBytes - doneBytes;
  const eta = bytesPerSecond > 0 && left > 0 ? formatDuration((left / bytesPerSecond) * 1_000) : '';
  const facts = [
    ...(totalFiles > 1 ? [`${doneFiles}/${totalFiles} files`] : []),
    `${String(percent).padStart(3)}%`,
    `${formatBytes(bytesPerSecond)}/s`,
    ...(eta === '' ? [] : [`${eta} left`]),
  ].join('  ');
  const room = columns - 1 - facts.length - 2;
  if (room < 8) return facts.slice(0, Math.max(columns - 1, 0));
  return `${fitText(standing.name, room)}  ${facts}`;
}

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** "12.3 MB": powers of 1,000, as disks and links are sold. Pure. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit] ?? ''}`;
}
