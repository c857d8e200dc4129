// sallyport shell TARGET: the device's shell in this terminal.

import type { SessionOpened } from '../../api/sessions.ts';
import type { ShellParams } from '../../core/channel.ts';
import type { CommonOptions } from '../catalogue/spec.ts';
import { localEnv } from '../channel/local-env.ts';
import { openChannel, type OpenedChannel } from '../channel/open-channel.ts';
import { readTarget } from '../channel/open-session.ts';
import { runChannel } from '../channel/run-channel.ts';
import { explainEnd } from '../channel/session-end.ts';
import { localPty } from '../channel/terminal.ts';
import { durationFlag } from '../moment.ts';
import { printableLines } from '../output.ts';
import { freshSignIn } from '../renewal.ts';

interface Options extends CommonOptions {
  readonly target: string;
  readonly for?: string;
  readonly wait?: string;
  readonly ticket?: string;
}

export async function run(options: Options): Promise<number> {
  const target = readTarget(options.target);
  const forMs = durationFlag('for', options.for);
  const waitMs = durationFlag('wait', options.wait);
  const pty = localPty('"shell"', `run one command instead: sallyport exec ${target} -- CMD`);
  const params: ShellParams = { kind: 'shell', pty, env: localEnv() };
  const me = await freshSignIn(options, Date.now());
  const request = {
    target,
    params,
    forMs,
    waitMs,
    ticket: options.ticket,
    onOpened: ({ banner }: SessionOpened) => {
      if (banner !== undefined) process.stderr.write(`${printableLines(banner)}\n`);
    },
  };
  const open = async (): Promise<OpenedChannel> => await openChannel(me, request);
  const channel = await open().catch(async (error: unknown) => {
    const { afterApproval } = await import('../requests/offer-request.ts');
    return await afterApproval(
      me,
      { target, action: 'shell', forMs, ticket: options.ticket },
      { error, open },
    );
  });
  return runChannel(channel, {
    isTerminal: true,
    explain: async (cause) => await explainEnd(me, channel.session, cause),
  });
}
