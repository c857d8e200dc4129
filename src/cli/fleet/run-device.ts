// One command on one device of many: a session of its own, no input, output kept apart until the end.
// Whatever happens becomes an outcome; nothing is thrown.

import type { ExecParams } from '../../core/channel.ts';
import type { ErrorCode, SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { Exchange } from '../channel/exchange.ts';
import { openChannel, type OpenedChannel } from '../channel/open-channel.ts';
import { statusOf } from '../channel/run-channel.ts';
import { explainEnd } from '../channel/session-end.ts';
import type { SignIn } from '../profile.ts';
import { asSallyportError } from '../report.ts';
import { KeptOutput } from './kept-output.ts';

export const fleetStatuses = ['ok', 'failed', 'denied', 'offline', 'stopped'] as const;
export type FleetStatus = (typeof fleetStatuses)[number];

export interface DeviceOutcome {
  readonly device: string;
  readonly status: FleetStatus;
  /** Of the command, where it ran to its end. */
  readonly exit?: number;
  /** Why it did not. */
  readonly error?: SallyportError;
  readonly out: KeptOutput;
  readonly err: KeptOutput;
}

export interface DeviceRun {
  readonly device: string;
  readonly params: ExecParams;
  readonly forMs: number | undefined;
  readonly ticket?: string | undefined;
  /** Ctrl-C: the command is interrupted as by a terminal. */
  readonly interrupt: AbortSignal;
  /** Twice, or it did not heed it: the session ends. */
  readonly cut: AbortSignal;
}

const refusals: ReadonlySet<ErrorCode> = new Set(['denied', 'forbidden', 'locked', 'owner_refused']);
const absences: ReadonlySet<ErrorCode> = new Set(['device_offline', 'not_found', 'unavailable']);

export async function runOnDevice(me: SignIn, run: DeviceRun): Promise<DeviceOutcome> {
  const out = new KeptOutput(limits.fleetOutputMaxBytes);
  const err = new KeptOutput(limits.fleetOutputMaxBytes);
  const outcome = { device: run.device, out, err };
  let channel: OpenedChannel | undefined;
  try {
    if (run.interrupt.aborted) return { ...outcome, status: 'stopped' };
    const { device: target, params, forMs, ticket } = run;
    channel = await openChannel(me, { target, params, forMs, ticket });
    const end = await converse(channel, run, { out, err });
    if (end.how === 'exit') {
      const exit = statusOf(end.exit);
      const failed = run.interrupt.aborted ? 'stopped' : 'failed';
      return { ...outcome, status: exit === 0 ? 'ok' : failed, exit };
    }
    if (run.interrupt.aborted) return { ...outcome, status: 'stopped' };
    throw await explainEnd(me, channel.session, end.error);
  } catch (thrown) {
    const error = asSallyportError(thrown);
    return { ...outcome, status: statusFor(error), error };
  } finally {
    channel?.close();
  }
}

async function converse(
  channel: OpenedChannel,
  { interrupt, cut }: DeviceRun,
  outputs: { readonly out: KeptOutput; readonly err: KeptOutput },
): Promise<Awaited<Exchange['ended']>> {
  const exchange = new Exchange(channel.stream, outputs);
  exchange.endInput();
  const onInterrupt = (): void => exchange.interrupt();
  const onCut = (): void => exchange.abort(new Error('ended here'));
  interrupt.addEventListener('abort', onInterrupt, { once: true });
  cut.addEventListener('abort', onCut, { once: true });
  if (interrupt.aborted) onInterrupt();
  if (cut.aborted) onCut();
  try {
    return await exchange.ended;
  } finally {
    interrupt.removeEventListener('abort', onInterrupt);
    cut.removeEventListener('abort', onCut);
  }
}

function statusFor({ code }: SallyportError): FleetStatus {
  if (refusals.has(code)) return 'denied';
  return absences.has(code) ? 'offline' : 'failed';
}
