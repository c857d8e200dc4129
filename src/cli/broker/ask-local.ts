// One order to a running broker, at the door for whoever sits at its machine.

import { connect } from 'node:net';
import { join } from 'node:path';
import { fromProblem, SallyportError } from '../../core/errors.ts';
import { parseJsonObject } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';

export function localSocketOf(dataDir: string): string {
  return join(dataDir, 'run', 'local.sock');
}

/** Its answer; throws the broker's problem, or `unavailable` where none runs. */
export async function askLocal(
  dataDir: string,
  request: object,
  options: { readonly timeoutMs?: number } = {},
): Promise<Readonly<Record<string, unknown>>> {
  const path = localSocketOf(dataDir);
  const text = await new Promise<string>((answer, reject) => {
    const socket = connect(path, () => socket.write(`${JSON.stringify(request)}\n`));
    let received = '';
    const timeoutMs = options.timeoutMs ?? limits.controlRequestTimeoutMs;
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('no answer')));
    socket.on('data', (chunk) => {
      received += chunk.toString('utf8');
    });
    socket.on('end', () => answer(received));
    socket.on('error', (cause) => {
      reject(
        new SallyportError('unavailable', `no broker answers on "${path}"`, {
          next: "run this on the broker's machine, as the user that runs it or as root, with the same --data, while it runs",
          cause,
        }),
      );
    });
  });
  const reply = parseJsonObject(text);
  const problem = fromProblem(reply);
  if (problem !== undefined) throw problem;
  if (reply === undefined) {
    throw new SallyportError('unavailable', `the broker on "${path}" ended meanwhile`, {
      next: 'look into its log, start it, and try again',
    });
  }
  return reply;
}
