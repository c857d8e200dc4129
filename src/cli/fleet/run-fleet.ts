// One command on many devices, a bounded number at once. Outcomes are told as they come.

import type { ExecParams } from '../../core/channel.ts';
import type { SignIn } from '../profile.ts';
import { runOnDevice, type DeviceOutcome } from './run-device.ts';

export interface FleetRun {
  readonly devices: readonly string[];
  readonly params: ExecParams;
  readonly forMs: number | undefined;
  readonly ticket?: string | undefined;
  readonly atOnce: number;
  readonly interrupt: AbortSignal;
  readonly cut: AbortSignal;
  readonly onOutcome: (outcome: DeviceOutcome) => void;
}

/** In the order of `devices`. */
export async function runFleet(me: SignIn, run: FleetRun): Promise<readonly DeviceOutcome[]> {
  const outcomes: DeviceOutcome[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (;;) {
      const at = next;
      next += 1;
      const device = run.devices[at];
      if (device === undefined) return;
      const outcome = await runOnDevice(me, { ...run, device });
      outcomes[at] = outcome;
      run.onOutcome(outcome);
    }
  };
  await Promise.all(Array.from({ length: Math.min(run.atOnce, run.devices.length) }, work));
  return outcomes;
}
