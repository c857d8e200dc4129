// sallyport agent join ADDRESS --token T

import { resolve } from 'node:path';
import { joinAgent } from '../../../agent/join.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson } from '../../output.ts';
import { printable } from '../../../core/printable.ts';

export interface AgentJoinOptions extends CommonOptions {
  readonly address: string;
  readonly token: string;
  readonly state?: string;
}

export async function run(options: AgentJoinOptions): Promise<number> {
  const { address, token } = options;
  const joined = await joinAgent({
    address,
    token,
    state: options.state === undefined ? undefined : resolve(options.state),
  });
  if (options.json === true) printJson(joined);
  else {
    print(`this machine is the device "${printable(joined.name)}" of "${printable(joined.broker)}"`);
    print(
      `next: sallyport agent run${options.state === undefined ? '' : ` --state ${printable(options.state)}`}`,
    );
  }
  return 0;
}
