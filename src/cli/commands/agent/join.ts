// sallyport agent join ADDRESS --token T [--proxy URL | --no-proxy]

import { resolve } from 'node:path';
import { joinAgent } from '../../../agent/join.ts';
import { refuseBoth } from '../../../agent/proxy.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson } from '../../output.ts';
import { printable } from '../../../core/printable.ts';

export interface AgentJoinOptions extends CommonOptions {
  readonly address: string;
  readonly token: string;
  readonly state?: string;
  readonly proxy?: string;
  readonly noProxy?: boolean;
}

export async function run(options: AgentJoinOptions): Promise<number> {
  const { address, token, proxy, noProxy } = options;
  refuseBoth(options);
  const joined = await joinAgent({
    address,
    token,
    state: options.state === undefined ? undefined : resolve(options.state),
    flags: { proxy, noProxy },
    env: process.env,
  });
  if (options.json === true) printJson(joined);
  else {
    print(`this machine is the device "${printable(joined.name)}" of "${printable(joined.broker)}"`);
    if (joined.passingProxy !== undefined) {
      print(
        `note: this went through the proxy of ${printable(joined.passingProxy)}, which a service will not know: docs/agent.md, "Proxies"`,
      );
    }
    print(
      `next: sallyport agent run${options.state === undefined ? '' : ` --state ${printable(options.state)}`}`,
    );
  }
  return 0;
}
