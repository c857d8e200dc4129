// `sallyport broker invite NAME`, on the broker's own machine and by its own user or root: one more key for a
// person who is already known, the way back in when every administrator's sign-in ran out; and the first
// administrator of a broker that runs as a service, and so printed no invite.

import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { fromProblem, SallyportError } from '../../../core/errors.ts';
import { parseJsonObject } from '../../../core/json.ts';
import { limits } from '../../../core/limits.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
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
  const reply = parseJsonObject(await ask(dataDir, { do: 'invite', name: options.name }));
  const problem = fromProblem(reply);
  if (problem !== undefined) throw problem;
  const invite = reply?.['invite'];
  if (typeof invite !== 'string') throw new SallyportError('internal', 'the broker gave no invite');
  const line = `sallyport login ${config.address} --invite ${invite}`;
  if (options.json === true) printJson({ name: options.name, token: invite, line });
  else print(`for "${options.name}", once, within the hour:\n\n  ${line}`);
  return 0;
}

async function ask(dataDir: string, request: object): Promise<string> {
  const path = join(dataDir, 'run', 'local.sock');
  return await new Promise((answer, reject) => {
    const socket = connect(path, () => socket.write(`${JSON.stringify(request)}\n`));
    let text = '';
    socket.setTimeout(limits.controlRequestTimeoutMs, () => socket.destroy(new Error('no answer')));
    socket.on('data', (chunk) => {
      text += chunk.toString('utf8');
    });
    socket.on('end', () => answer(text));
    socket.on('error', (cause) => {
      reject(
        new SallyportError('unavailable', `no broker answers on "${path}"`, {
          next: "run this on the broker's machine, as the user that runs it or as root, with the same --data, while it runs",
          cause,
        }),
      );
    });
  });
}
