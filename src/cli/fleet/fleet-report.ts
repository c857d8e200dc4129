// The outcomes of many devices as text: one line for a device that said one line, else a block, never two
// mixed; what went to standard error there goes to standard error here. Text is pure; harmless throughout.

import { printable } from '../../core/printable.ts';
import { toProblem } from '../../core/errors.ts';
import { counted } from '../output.ts';
import type { KeptOutput } from './kept-output.ts';
import { fleetStatuses, type DeviceOutcome, type FleetStatus } from './run-device.ts';

export interface ShownOutcome {
  readonly out: string;
  readonly err: string;
}

const lineMaxLength = 16 * 1024;

/** `width` of the longest name, so that single lines stand in a column. */
export function showOutcome(outcome: DeviceOutcome, width: number): ShownOutcome {
  const { device } = outcome;
  const name = device.padEnd(width);
  const lines = linesOf(outcome.out);
  const errLines = [...linesOf(outcome.err), ...(faultOf(outcome) ?? [])];
  return { out: block(name, device, lines), err: block(name, device, errLines) };
}

function block(name: string, device: string, lines: readonly string[]): string {
  const [first] = lines;
  if (first === undefined) return '';
  if (lines.length === 1) return `${name}  ${first}\n`;
  return `${device}\n${lines.map((line) => `  ${line}`.trimEnd()).join('\n')}\n`;
}

function linesOf(kept: KeptOutput): readonly string[] {
  const text = kept.bytes.toString('utf8').replace(/\r?\n$/, '');
  const lines = text === '' ? [] : text.split(/\r?\n/).map(harmless);
  return kept.droppedBytes === 0 ? lines : [...lines, `… ${kept.droppedBytes} bytes more were not kept`];
}

function harmless(line: string): string {
  return printable(line.replaceAll('\t', '    '), lineMaxLength);
}

/** What stopped it, or a status that no output may be explaining. */
function faultOf({ status, exit, error }: DeviceOutcome): readonly string[] | undefined {
  if (error !== undefined) return [`${status}: ${printable(error.message, 600)}`];
  if (status === 'stopped') return ['stopped from here'];
  return status === 'failed' ? [`exit status ${exit ?? '?'}`] : undefined;
}

/** "12 devices: 10 ok, 1 failed, 1 offline", and who they are where it is not well. */
export function summaryLines(outcomes: readonly DeviceOutcome[]): readonly string[] {
  const byStatus = Map.groupBy(outcomes, ({ status }) => status);
  const counts = fleetStatuses.flatMap((status) => {
    const count = byStatus.get(status)?.length ?? 0;
    return count === 0 ? [] : [`${count} ${status}`];
  });
  const troubled = fleetStatuses.filter((status): status is Exclude<FleetStatus, 'ok'> => status !== 'ok');
  return [
    `${counted(outcomes.length, 'device')}: ${counts.join(', ')}`,
    ...troubled.flatMap((status) => {
      const names = (byStatus.get(status) ?? []).map(({ device }) => device);
      return names.length === 0 ? [] : [`${status}: ${names.join(' ')}`];
    }),
  ];
}

export function outcomeJson(outcome: DeviceOutcome): Readonly<Record<string, unknown>> {
  const { device, status, exit, error } = outcome;
  return {
    device,
    status,
    ...(exit === undefined ? {} : { exit }),
    ...streamJson('stdout', outcome.out),
    ...streamJson('stderr', outcome.err),
    ...(error === undefined ? {} : { problem: toProblem(error) }),
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function streamJson(name: string, kept: KeptOutput): Readonly<Record<string, unknown>> {
  const { bytes, droppedBytes } = kept;
  const dropped = droppedBytes === 0 ? {} : { [`${name}DroppedBytes`]: droppedBytes };
  try {
    return { [name]: utf8.decode(bytes), ...dropped };
  } catch {
    // Not text, or cut inside a character: the bytes themselves.
    return { [name]: bytes.toString('utf8'), [`${name}Base64`]: bytes.toString('base64'), ...dropped };
  }
}
