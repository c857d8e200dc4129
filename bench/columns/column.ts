// What is compared: three ways to run a command on "the device", and to reach a port of it, each with its
// processes running.

import type { Parts } from '../measure/part-usage.ts';
import type { Command } from '../measure/processes.ts';

export type ColumnName = 'bare' | 'sallyport' | 'openssh';
export const columnNames: readonly ColumnName[] = ['bare', 'sallyport', 'openssh'];

/** A device that is linked. */
export interface Device {
  /** Starts the operator's process whose local port leads over the link to a port of the device. */
  forward(port: number): Promise<Forward>;
  close(): Promise<void>;
}

/** The device that most rows use, and what carries it. */
export interface Column extends Device {
  readonly name: ColumnName;
  /** The operator's process that runs `argv` on the device. */
  exec(argv: readonly string[]): Command;
  /** The operator's process that shows the device's login shell; wants a terminal. */
  shell(): Command;
  /** The same over the connection that carries the forwards, where `shell` would have one of its own. */
  linkShell(): Command;
  /** The operator's process that copies, where there is one for it. */
  readonly copy?: (task: CopyTask) => Command;
  /** Where links come in on 127.0.0.1. */
  readonly linkPort: number;
  /** Links one more device, which dials `port` instead. */
  addDevice(port: number): Promise<Device>;
  /** A process that opens many streaming sessions and cuts them (measure/crowd.ts), where that exists. */
  readonly crowd?: Crowding;
  /** The long-running processes, by the part they play. */
  readonly parts: Parts;
}

export interface CopyTask {
  readonly way: 'up' | 'down';
  /** Absolute; down: of the device. */
  readonly from: string;
  readonly to: string;
  readonly isRecursive: boolean;
}

export interface Forward {
  /** Where it listens on 127.0.0.1. */
  readonly port: number;
  /** The processes that carry it, the column's own among them. */
  readonly parts: Parts;
  close(): Promise<void>;
}

export interface Crowding {
  command(count: number, argv: readonly string[]): Command;
  /** The same by machines that the operator answers for: the lock is on him. */
  readonly machines?: {
    add(machines: number): Promise<void>;
    command(count: number, argv: readonly string[]): Command;
  };
  /** Makes new sessions possible again. */
  restore(): Promise<void>;
}
