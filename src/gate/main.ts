// The gate's process, started by "broker run" with its arguments on the command line and an IPC channel:
// it says `ready` there when the port is open, and ends when that channel does, so that no gate outlives
// its broker. SIGTERM drains, a second one aborts.

import { parseArgs } from 'node:util';
import { SallyportError, errorCodes } from '../core/errors.ts';
import { systemClock } from '../platform/clock.ts';
import { createLog } from '../platform/log.ts';
import { systemRandom } from '../platform/random.ts';
import { runGate, type GateOptions } from './assemble.ts';

/** To the parent process. */
export type GateMessage =
  | { readonly type: 'ready'; readonly port: number }
  | { readonly type: 'failed'; readonly code: string; readonly message: string; readonly next?: string };

export interface GateArguments {
  readonly controlSocket: string;
  readonly apiSocket: string;
  readonly apiMtlsSocket: string;
  readonly host: string;
  readonly port: number;
  readonly gateName: string;
  readonly version: string;
}

/** The command line for these arguments, as runGateProcess reads it. */
export function gateCommandLine(args: GateArguments): readonly string[] {
  return [
    `--control=${args.controlSocket}`,
    `--api=${args.apiSocket}`,
    `--api-mtls=${args.apiMtlsSocket}`,
    `--host=${args.host}`,
    `--port=${args.port}`,
    `--name=${args.gateName}`,
    `--version=${args.version}`,
  ];
}

/** Runs until told to stop; the exit status. */
export async function runGateProcess(argv: readonly string[]): Promise<number> {
  const log = await createLog({ component: 'gate' });
  const killed = new AbortController();
  process.on('disconnect', () => killed.abort());
  const drains: (() => void)[] = [];
  let terms = 0;
  const onTerm = (): void => {
    terms++;
    if (terms === 1 && drains.length > 0) for (const drain of drains) drain();
    else killed.abort();
  };
  process.on('SIGTERM', onTerm);
  // A terminal sends Ctrl-C to the whole group; the broker decides what it means for us.
  process.on('SIGINT', () => {});
  try {
    const gate = await runGate({ ...readArguments(argv), log, signal: killed.signal });
    drains.push(() => void gate.drain());
    tell({ type: 'ready', port: gate.port });
    await gate.closed;
    return 0;
  } catch (error) {
    if (killed.signal.aborted) return 0;
    const known = error instanceof SallyportError ? error : new SallyportError('internal', String(error));
    log.error({ code: known.code, error: known.message }, 'the gate did not start');
    const { code, message, next } = known;
    tell({ type: 'failed', code, message, ...(next === undefined ? {} : { next }) });
    return errorCodes[known.code].exit;
  }
}

function tell(message: GateMessage): void {
  process.send?.(message);
}

function readArguments(argv: readonly string[]): Omit<GateOptions, 'log' | 'signal'> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      control: text,
      api: text,
      'api-mtls': text,
      host: text,
      port: text,
      name: text,
      version: text,
    },
  });
  const need = (name: keyof typeof values): string => {
    const value = values[name];
    if (value === undefined) throw new SallyportError('invalid', `the gate needs "--${name}"`);
    return value;
  };
  const port = Number(need('port'));
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new SallyportError('invalid', `"${need('port')}" is not a port`);
  }
  return {
    controlSocket: need('control'),
    apiSocket: need('api'),
    apiMtlsSocket: need('api-mtls'),
    listen: { host: need('host'), port },
    gateName: need('name'),
    version: need('version'),
    clock: systemClock,
    random: systemRandom,
  };
}
