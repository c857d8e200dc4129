// The operational log: JSON lines on stderr, for operators of the broker. It is not the audit log, and
// nothing depends on it: a logger never throws, never blocks a byte (a full pipe drops lines), and never prints what looks like a secret. pino is loaded only when a
// long-running process asks for a log: importing it costs more than a whole short command.

import { redact } from './redact.ts';

/** What code logs to. `fields` are redacted by name; `message` is fixed text, never built from input. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LogOptions {
  /** "authority", "gate", "agent". */
  readonly component: string;
  readonly level?: LogLevel;
  /** Default: stderr. */
  readonly destination?: { write(line: string): unknown };
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** A reader of stderr that stalls may hold up this much; then lines are dropped. */
const heldMaxBytes = 4 * 1024 * 1024;

export async function createLog(options: LogOptions): Promise<Log> {
  const { pino } = await import('pino');
  const destination =
    options.destination ?? pino.destination({ fd: 2, sync: false, maxLength: heldMaxBytes });
  // A log whose reader is gone has nobody left to tell, and must not take the process along.
  if ('on' in destination && typeof destination.on === 'function') destination.on('error', () => {});
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: { component: options.component, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => void destination.write(escapeControls(line)) },
  );
  const at = (level: Exclude<LogLevel, 'silent'>) => (fields: object, message: string) => {
    try {
      if (logger.isLevelEnabled(level)) logger[level](redact(fields), message);
    } catch {
      // A logger that throws would turn a line about a fault into the fault.
    }
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

// JSON escapes C0 controls only. C1 controls (0x9b starts a terminal sequence), DEL, bidirectional
// overrides and line separators would still reach the terminal of whoever reads the log (R7).
function escapeControls(line: string): string {
  const body = line.endsWith('\n') ? line.slice(0, -1) : line;
  const inert = body.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, at) => escapeUnit(character.charCodeAt(at))).join(''),
  );
  return `${inert}\n`;
}

function escapeUnit(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}
