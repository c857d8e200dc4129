// The environment of what runs on the device, built from nothing: the account's basics, what the operator
// may bring (allow-listed when the parameters were parsed, negative test S6), and who stands behind it, for
// attribution where the OS user is shared. Nothing of the agent's own environment goes along. Pure.

import type { ChannelParams } from '../../core/channel.ts';
import type { Pass } from '../../wire/pass.ts';
import { pathOf, type Account } from './account.ts';

export type Environment = Readonly<Record<string, string>>;

export function buildEnvironment(facts: {
  readonly account: Account;
  readonly params: ChannelParams;
  readonly pass: Pick<Pass, 'session' | 'identity' | 'name' | 'target'>;
}): Environment {
  const { account, params, pass } = facts;
  return {
    ...('env' in params ? params.env : {}),
    PATH: pathOf(account),
    HOME: account.home,
    PWD: account.home,
    USER: account.name,
    LOGNAME: account.name,
    SHELL: account.shell,
    ...('pty' in params && params.pty !== undefined ? { TERM: params.pty.term } : {}),
    SALLYPORT_SESSION: pass.session,
    SALLYPORT_IDENTITY: pass.identity,
    SALLYPORT_NAME: pass.name,
    SALLYPORT_TARGET: pass.target,
  };
}
