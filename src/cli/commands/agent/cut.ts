// sallyport agent cut [SESSION]: the device's owner ends sessions himself. Never asks, since seconds count.

import { resolve } from 'node:path';
import { orderCut } from '../../../agent/owner/order-agent.ts';
import { SallyportError } from '../../../core/errors.ts';
import { parseId } from '../../../core/ids.ts';
import { printable } from '../../../core/printable.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { counted, print, printJson } from '../../output.ts';

export interface AgentCutOptions extends CommonOptions {
  readonly session?: string;
  readonly all?: boolean;
  readonly state?: string;
}

export async function run(options: AgentCutOptions): Promise<number> {
  const state = options.state === undefined ? undefined : resolve(options.state);
  const ended = await orderCut({ do: 'cut', ...which(options) }, { state });
  if (options.json === true) {
    printJson(ended);
    return 0;
  }
  print(`cut ${counted(ended.cut.length, 'session')}`);
  for (const id of ended.cut) print(`  ${printable(id)}`);
  if (ended.refused.length > 0) print(`sent away ${counted(ended.refused.length, 'session')} that waited`);
  return 0;
}

function which({ session, all }: AgentCutOptions): { readonly session?: string } {
  if ((session === undefined) === (all !== true)) {
    throw new SallyportError('invalid', 'say which session to cut, or --all', {
      next: 'see who is in: sallyport agent status',
    });
  }
  if (session === undefined) return {};
  const id = parseId('ses', session);
  if (id !== undefined) return { session: id };
  throw new SallyportError('invalid', `"${printable(session, 60)}" is not a session`, {
    next: 'see who is in: sallyport agent status',
  });
}
