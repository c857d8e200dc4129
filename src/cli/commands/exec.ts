// sallyport exec TARGET -- CMD…: one command on a device, its streams apart, its exit status ours.

import type { ExecParams } from '../../core/channel.ts';
import type { CommonOptions } from '../catalogue/spec.ts';
import { localEnv } from '../channel/local-env.ts';
import { openChannel } from '../channel/open-channel.ts';
import { runChannel } from '../channel/run-channel.ts';
import { localPty } from '../channel/terminal.ts';
import { durationFlag } from '../moment.ts';
import { freshSignIn } from '../renewal.ts';

interface Options extends CommonOptions {
  readonly target: string;
  readonly command: readonly string[];
  readonly tty?: boolean;
  readonly for?: string;
}

export async function run(options: Options): Promise<number> {
  const { target, command } = options;
  const forMs = durationFlag('for', options.for);
  const isTerminal = options.tty === true;
  const params: ExecParams = {
    kind: 'exec',
    argv: command,
    env: localEnv(),
    ...(isTerminal
      ? { pty: localPty('"exec -t"', 'leave out -t: the command then gets plain streams') }
      : {}),
  };
  const me = await freshSignIn(options, Date.now());
  const channel = await openChannel(me, { target, params, forMs });
  return runChannel(me, channel, { isTerminal });
}
