// What a forward says while it runs: events as lines of JSON, or words and, on a terminal, one status line
// that is redrawn at most twice a second. Standard output gets what a script wants to read, the rest is
// standard error.

import { formatDuration } from '../../core/duration.ts';
import { printable } from '../../core/printable.ts';
import { localTime } from '../moment.ts';
import { print, printJsonLine } from '../output.ts';
import { errorText, problemOf } from '../report.ts';
import type { ConnectionEnd, Forwarding } from './forwarding.ts';

const redrawMs = 500;
/** The same refusal is said again at most this often. */
const repeatMs = 5_000;

export interface Listening {
  /** "127.0.0.1:15432". */
  readonly listen: string;
  readonly target: string;
  /** "127.0.0.1:5432", as the device sees it. */
  readonly to: string;
  readonly session: string;
  /** RFC 3339. */
  readonly until: string;
}

export interface ForwardView {
  listening(about: Listening, forwarding: Forwarding): void;
  opened(connection: { readonly n: number; readonly from: string; readonly peer: string }): void;
  closed(connection: { readonly n: number; readonly from: string } & ConnectionEnd): void;
  /** Leaves the terminal as a program should. */
  stop(): void;
}

export function jsonView(): ForwardView {
  return {
    listening: (about) => printJsonLine({ event: 'listening', ...about }),
    opened: (connection) => printJsonLine({ event: 'opened', ...connection }),
    closed: (connection) => {
      if (connection.ended !== 'refused') return printJsonLine({ event: 'closed', ...connection });
      const { error, ...about } = connection;
      printJsonLine({ event: 'closed', ...about, problem: problemOf(error) });
    },
    stop: () => undefined,
  };
}

export function textView(): ForwardView {
  const { stderr } = process;
  let redraw: NodeJS.Timeout | undefined;
  let isDrawn = false;
  const saidAt = new Map<string, number>();
  const clear = (): void => {
    if (isDrawn) stderr.write('\r\x1b[K');
    isDrawn = false;
  };
  const say = (text: string): void => {
    const now = performance.now();
    if (now - (saidAt.get(text) ?? -Infinity) < repeatMs) return;
    if (saidAt.size >= 100) saidAt.clear();
    saidAt.set(text, now);
    clear();
    stderr.write(text);
  };
  return {
    listening(about, forwarding) {
      print(`listening at ${about.listen} for ${printable(about.target)} (${about.to} from the device)`);
      print(`until ${localTime(about.until) ?? ''}; Ctrl-C ends it`);
      if (!stderr.isTTY || process.env['TERM'] === 'dumb') return;
      redraw = setInterval(() => {
        const line = statusLine(forwarding.counts, Date.parse(about.until) - Date.now());
        stderr.write(`\r\x1b[K${line.slice(0, Math.max(0, (stderr.columns || 80) - 1))}`);
        isDrawn = true;
      }, redrawMs);
    },
    opened: () => undefined,
    closed(connection) {
      if (connection.ended === 'refused') say(errorText(connection.error));
    },
    stop() {
      clearInterval(redraw);
      clear();
    },
  };
}

type Counts = Forwarding['counts'];

/** "3 live, 42 in all · 12.3 MB · 7h 59m left". Pure. */
export function statusLine({ live, waiting, total, bytes }: Counts, leftMs: number): string {
  const queue = waiting === 0 ? '' : `, ${waiting} waiting`;
  const left = formatDuration(Math.max(0, Math.floor(leftMs / 1_000) * 1_000));
  return `${live} live${queue}, ${total + waiting} in all · ${size(bytes)} · ${left} left`;
}

function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const;
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1_000 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power] ?? 'B'}`;
}
