// The one edge where an error becomes text or a problem object on stderr, and an exit status.

import { errorCodes, exitStatus, SallyportError, toProblem, type Problem } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { FileFault } from '../platform/file-fault.ts';
import { jsonText } from './output.ts';

export interface ReportOptions {
  readonly json?: boolean | undefined;
  /** exec and shell: our own failure is 255, so that it cannot be taken for the remote's 1. */
  readonly isTransport?: boolean | undefined;
}

/** Prints the error and answers the exit status. */
export function report(error: unknown, options: ReportOptions = {}): number {
  const known = asSallyportError(error);
  process.stderr.write(options.json === true ? `${jsonText(toProblem(known))}\n` : errorText(known));
  if (process.env['SALLYPORT_DEBUG'] === '1') process.stderr.write(`${debugText(error)}\n`);
  const { exit } = errorCodes[known.code];
  return options.isTransport === true && exit === exitStatus.failed ? exitStatus.transport : exit;
}

/** Lines for a person. */
export function errorText(error: SallyportError): string {
  const lines = [`sallyport: ${printable(error.message, 600)}`];
  for (const help of error.help ?? []) lines.push(`what would help: ${printable(help, 600)}`);
  if (error.next !== undefined) lines.push(`next: ${printable(error.next, 600)}`);
  return `${lines.join('\n')}\n`;
}

export function problemOf(error: unknown): Problem {
  return toProblem(asSallyportError(error));
}

/** Whatever was thrown, as what a person can be told. */
export function asSallyportError(error: unknown): SallyportError {
  if (error instanceof SallyportError) return error;
  if (error instanceof FileFault) {
    return new SallyportError('local_file', error.message, { next: error.next, cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new SallyportError('internal', `something failed here that should not: ${message}`, {
    next: 'run it again with SALLYPORT_DEBUG=1, and report what it prints',
    cause: error,
  });
}

function debugText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${debugText(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
