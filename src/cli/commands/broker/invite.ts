// `sallyport broker invite NAME`, on the broker's own machine and by its own user or root: one more key for a
// person who is already known, the way back in when every administrator's sign-in ran out; and the first
// administrator of a broker that runs as a service, and so printed no invite.

import { resolve } from 'node:path';
import { SallyportError } from '../../../core/errors.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { askLocal } from '../../broker/ask-local.ts';
import { loadConfig } from '../../broker/load-config.ts';
import { print, printJson } from '../../output.ts';
import { defaultDataDir } from './run.ts';

export interface BrokerInviteOptions extends CommonOptions {
  readonly name: string;
  readonly data?: string;
}

export async function run(options: BrokerInviteOptions): Promise<number> {
  const dataDir = resolve(options.data ?? defaultDataDir());
  const config = await loadConfig(dataDir, {});
  const { invite } = await askLocal(dataDir, { do: 'invite', name: options.name });
  if (typeof invite !== 'string') throw new SallyportError('internal', 'the broker gave no invite');
  const line = `sallyport login ${config.address} --invite ${invite}`;
  if (options.json === true) printJson({ name: options.name, token: invite, line });
  else print(`for "${options.name}", once, within the hour:\n\n  ${line}`);
  return 0;
}
