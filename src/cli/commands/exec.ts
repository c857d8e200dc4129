// sallyport exec TARGET -- CMD…: one command on a device, its streams apart, its exit status ours; with
// --where on every device that has the labels (../fleet).

import type { ExecParams } from '../../core/channel.ts';
import { SallyportError } from '../../core/errors.ts';
import type { CommonOptions } from '../catalogue/spec.ts';
import { localEnv } from '../channel/local-env.ts';
import { openChannel } from '../channel/open-channel.ts';
import { runChannel } from '../channel/run-channel.ts';
import { explainEnd } from '../channel/session-end.ts';
import { localPty } from '../channel/terminal.ts';
import { durationFlag } from '../moment.ts';
import { freshSignIn } from '../renewal.ts';

interface Options extends CommonOptions {
  readonly target?: string;
  readonly where?: readonly string[];
  readonly atOnce?: string;
  readonly yes?: boolean;
  readonly command: readonly string[];
  readonly tty?: boolean;
  readonly for?: string;
  readonly wait?: string;
  readonly ticket?: string;
}

export async function run(options: Options): Promise<number> {
  const { target, command } = options;
  const forMs = durationFlag('for', options.for);
  const waitMs = durationFlag('wait', options.wait);
  if (options.where !== undefined) return await runOnMany(options, options.where, forMs);
  refuseFleetFlags(options);
  if (target === undefined) {
    throw new SallyportError('invalid', 'TARGET is missing', {
      next: 'name a device before "--", or choose several by label: sallyport exec --where site=lyon -- CMD…',
    });
  }
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
  const channel = await openChannel(me, { target, params, forMs, waitMs, ticket: options.ticket });
  return runChannel(channel, {
    isTerminal,
    explain: async (cause) => await explainEnd(me, channel.session, cause),
  });
}

async function runOnMany(
  options: Options,
  where: readonly string[],
  forMs: number | undefined,
): Promise<number> {
  if (options.target !== undefined) {
    throw new SallyportError('invalid', 'a target and --where are two ways to say where', {
      next: 'give one of them',
    });
  }
  if (options.wait !== undefined) {
    throw new SallyportError('invalid', '"--wait" is for one device: many do not wait for one another', {
      next: 'leave out --wait, or name one device',
    });
  }
  if (options.tty === true) {
    throw new SallyportError('invalid', '"-t" is for one device: many share no terminal', {
      next: 'leave out -t, or name one device',
    });
  }
  // Loaded here only: exec on one device is to start fast.
  const { execWhere } = await import('../fleet/exec-where.ts');
  const me = await freshSignIn(options, Date.now());
  return await execWhere(me, {
    where,
    atOnce: options.atOnce,
    yes: options.yes === true,
    json: options.json === true,
    params: { kind: 'exec', argv: options.command, env: localEnv() },
    forMs,
    ticket: options.ticket,
  });
}

function refuseFleetFlags({ atOnce, yes }: Options): void {
  const flag = atOnce === undefined ? (yes === true ? '--yes' : undefined) : '--at-once';
  if (flag === undefined) return;
  throw new SallyportError('invalid', `"${flag}" goes with --where`, { next: 'leave it out for one device' });
}
