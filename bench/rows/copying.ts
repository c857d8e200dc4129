// One copy by a column's own command, from process start to exit, with the CPU time of all that took part:
// the operator's process is known only after its end.

import type { Column, CopyTask } from '../columns/column.ts';
import { watch } from '../measure/part-usage.ts';
import { endedChildrenCpuSeconds } from '../measure/processes.ts';
import { timed } from '../measure/run.ts';

/** Ten thousand small files over a busy machine's scp. */
const copyMaxMs = 180_000;
const settleMs = 100;

export class Copying {
  readonly #cpuSeconds = new Map<string, Record<string, number>>();

  /** Milliseconds. */
  async run(column: Column, task: CopyTask): Promise<number> {
    if (column.copy === undefined) throw new Error(`"${column.name}" cannot copy`);
    const used = watch(column.parts);
    const before = endedChildrenCpuSeconds();
    const { ms } = await timed(column.copy(task), { maxMs: copyMaxMs });
    // A server counts what its process for this copy used only when it has seen that end.
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const sums = this.#cpuSeconds.get(column.name) ?? {};
    const add = (part: string, cpuSeconds: number): void => {
      sums[part] = (sums[part] ?? 0) + cpuSeconds;
    };
    add('operator', endedChildrenCpuSeconds() - before);
    for (const [part, { cpuSeconds }] of Object.entries(used())) add(part, cpuSeconds);
    this.#cpuSeconds.set(column.name, sums);
    return ms;
  }

  /** Of all copies, for a unit of what each column has copied. */
  cpuSecondsPer(units: number): Readonly<Record<string, Readonly<Record<string, number>>>> {
    return Object.fromEntries(
      [...this.#cpuSeconds].map(([name, sums]) => [
        name,
        Object.fromEntries(
          Object.entries(sums).map(([part, sum]) => [part, Number((sum / units).toPrecision(3))]),
        ),
      ]),
    );
  }
}
