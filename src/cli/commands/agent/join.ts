// sallyport agent join ADDRESS --token T | --token-file FILE [--proxy URL | --no-proxy]

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pinApprovers, readApproverFile } from '../../../agent/approvals/on-site.ts';
import { joinAgent } from '../../../agent/join.ts';
import { refuseBoth } from '../../../agent/proxy.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson } from '../../output.ts';
import { SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import { approverSetDigest } from '../../../wire/approver-set.ts';

export interface AgentJoinOptions extends CommonOptions {
  readonly address: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly state?: string;
  readonly proxy?: string;
  readonly noProxy?: boolean;
  readonly approvers?: string;
}

export async function run(options: AgentJoinOptions): Promise<number> {
  const { address, proxy, noProxy } = options;
  refuseBoth(options);
  const token = await readToken(options);
  const approvers =
    options.approvers === undefined ? undefined : await readApproverFile(resolve(options.approvers));
  const joined = await joinAgent({
    address,
    token,
    state: options.state === undefined ? undefined : resolve(options.state),
    flags: { proxy, noProxy },
    env: process.env,
  });
  if (approvers !== undefined) await pinApprovers(approvers, { state: joined.dir });
  if (options.json === true) printJson(joined);
  else {
    print(`this machine is the device "${printable(joined.name)}" of "${printable(joined.broker)}"`);
    if (approvers !== undefined) {
      print(
        `version ${approvers.set.version} of the approver set is pinned, fingerprint ${approverSetDigest(approvers.set)}`,
      );
    }
    if (joined.isPending) {
      print(`it waits until an administrator accepts it: sallyport devices accept ${printable(joined.name)}`);
    }
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

/** In a file it is in no list of processes, and in no shell's history. */
async function readToken({ token, tokenFile }: AgentJoinOptions): Promise<string> {
  if (token !== undefined && tokenFile === undefined) return token;
  if (tokenFile === undefined || token !== undefined) {
    throw new SallyportError('invalid', 'the token is missing, or given twice', {
      next: 'give --token TOKEN or --token-file FILE',
    });
  }
  try {
    return (await readFile(resolve(tokenFile), 'utf8')).trim();
  } catch (cause) {
    throw new SallyportError('local_file', `the token file "${printable(tokenFile)}" cannot be read`, {
      next: 'check the path and its mode',
      cause,
    });
  }
}
