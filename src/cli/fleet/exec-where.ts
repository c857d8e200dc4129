// exec --where: which devices, a question before more than one is acted on, the run, and what is said of it.

import { constants } from 'node:os';
import type { DeviceView } from '../../api/nouns.ts';
import type { ExecParams } from '../../core/channel.ts';
import { exitStatus, SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { allPages, call } from '../api.ts';
import { confirm } from '../confirm.ts';
import { labelFlags } from '../label.ts';
import { countFlag } from '../moment.ts';
import { counted, printJsonLine } from '../output.ts';
import type { SignIn } from '../profile.ts';
import { outcomeJson, showOutcome, summaryLines } from './fleet-report.ts';
import type { DeviceOutcome } from './run-device.ts';
import { runFleet } from './run-fleet.ts';

export interface FleetOptions {
  readonly where: readonly string[];
  readonly atOnce: string | undefined;
  readonly yes: boolean;
  readonly json: boolean;
  readonly params: ExecParams;
  readonly forMs: number | undefined;
  readonly ticket?: string | undefined;
}

/** What a command gets between Ctrl-C and the end of its session. */
const interruptGraceMs = 2_000;
const listedMax = 20;

/** Throws `invalid` for what needs no broker to be refused. */
export function atOnceFlag(typed: string | undefined): number {
  const count = countFlag('at-once', typed) ?? limits.fleetAtOnceDefault;
  if (count <= limits.fleetAtOnceMax) return count;
  throw new SallyportError('invalid', `"--at-once ${count}" is more than ${limits.fleetAtOnceMax}`, {
    next: `write at most ${limits.fleetAtOnceMax}`,
  });
}

export async function execWhere(me: SignIn, options: FleetOptions): Promise<number> {
  const atOnce = atOnceFlag(options.atOnce);
  labelFlags(options.where);
  const devices = await allPages((page) =>
    call(me, 'GET /v1/devices', { query: { ...page, where: [...options.where] } }),
  );
  await askFirst(devices, options, atOnce);
  const stop = stopOnSignals();
  try {
    const names = devices.map(({ name }) => name);
    const width = Math.max(...names.map((name) => name.length));
    const outcomes = await runFleet(me, {
      devices: names,
      params: options.params,
      forMs: options.forMs,
      ticket: options.ticket,
      atOnce,
      interrupt: stop.interrupt,
      cut: stop.cut,
      onOutcome: (outcome) => tell(outcome, { width, isJson: options.json }),
    });
    if (!options.json) process.stderr.write(`${summaryLines(outcomes).join('\n')}\n`);
    const signal = stop.signal();
    if (signal !== undefined) return 128 + constants.signals[signal];
    return outcomes.every(({ status }) => status === 'ok') ? exitStatus.done : exitStatus.failed;
  } finally {
    stop.forget();
  }
}

async function askFirst(
  devices: readonly DeviceView[],
  { where, yes, params }: FleetOptions,
  atOnce: number,
): Promise<void> {
  const labels = printable(where.join(' '));
  if (devices.length === 0) {
    throw new SallyportError('not_found', `no device that you may know of has ${labels}`, {
      next: 'sallyport devices ls',
    });
  }
  if (devices.length === 1 || yes) return;
  const listed = devices
    .slice(0, listedMax)
    .map(({ name, online }) => `  ${name}${online ? '' : ' (offline)'}`);
  const more = devices.length > listedMax ? [`  and ${devices.length - listedMax} more`] : [];
  const head = `${counted(devices.length, 'device')} with ${labels}:`;
  process.stderr.write(`${[head, ...listed, ...more].join('\n')}\n`);
  const command = printable(params.argv.join(' '), 120);
  await confirm(`run "${command}" on all ${devices.length}, ${Math.min(atOnce, devices.length)} at once?`, {
    yes,
  });
}

function tell(outcome: DeviceOutcome, how: { readonly width: number; readonly isJson: boolean }): void {
  if (how.isJson) return printJsonLine(outcomeJson(outcome));
  const { out, err } = showOutcome(outcome, how.width);
  process.stdout.write(out);
  process.stderr.write(err);
}

interface Stop {
  readonly interrupt: AbortSignal;
  readonly cut: AbortSignal;
  /** What was received, if anything. */
  signal(): NodeJS.Signals | undefined;
  forget(): void;
}

/** Ctrl-C interrupts the commands, and ends those that go on; twice, or another signal, ends all at once. */
function stopOnSignals(): Stop {
  const interrupt = new AbortController();
  const cut = new AbortController();
  let received: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | undefined;
  let grace: NodeJS.Timeout | undefined;
  const onSignal = (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): void => {
    const isFirst = received === undefined;
    received ??= signal;
    interrupt.abort();
    if (isFirst && signal === 'SIGINT') grace = setTimeout(() => cut.abort(), interruptGraceMs);
    else cut.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  return {
    interrupt: interrupt.signal,
    cut: cut.signal,
    signal: () => received,
    forget() {
      clearTimeout(grace);
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, onSignal);
    },
  };
}
