// What a service on the device is to the session that opened it: something that starts before the gate
// hears a yes, is then joined to the channel's bytes, and can be hung up. One file per kind beside this.

import type { ByteStream } from '../../link/byte-stream.ts';
import type { Account } from './account.ts';
import type { Environment } from './environment.ts';
import type { ProcessScope } from './processes.ts';

export interface ServiceStart {
  readonly account: Account;
  readonly env: Environment;
  readonly scope: ProcessScope;
}

export interface RunningService {
  /** What the yes says besides. */
  readonly answerHeaders?: Readonly<Record<string, string>>;
  /**
   * Joins it to the channel; `onBytes` is told of every payload, either way. Resolves when the process has
   * ended and the channel is closed. Called once.
   */
  join(stream: ByteStream, onBytes: (count: number) => void): Promise<void>;
  /** The process has ended, and how was said; its last bytes may still be on their way. */
  readonly hasEnded: boolean;
  /** Ends what it started, gently first. For a channel that was never joined, or was cut. */
  hangUp(): void;
}
