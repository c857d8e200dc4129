// The other end of the orders: what `agent allow` and `agent cut` say to the agent on this machine.

import { SallyportError } from '../../core/errors.ts';
import { orderAgent } from '../local-socket.ts';
import { defaultStateDir } from '../state.ts';
import type { Allowed, Cut } from './obey.ts';
import type { Order } from './orders.ts';

export interface AtAgent {
  /** State directory of the agent; default ~/.sallyport-agent. */
  readonly state?: string | undefined;
}

export async function orderConsent(
  order: Extract<Order, { do: 'allow' | 'allow_nobody' }>,
  at: AtAgent,
): Promise<Allowed> {
  const { isRequired, admitted } = await tell(order, at);
  return { isRequired: isRequired === true, admitted: idsIn(admitted) };
}

export async function orderCut(order: Extract<Order, { do: 'cut' }>, at: AtAgent): Promise<Cut> {
  const { cut, refused } = await tell(order, at);
  return { cut: idsIn(cut), refused: idsIn(refused) };
}

async function tell(order: Order, at: AtAgent): Promise<Readonly<Record<string, unknown>>> {
  const dir = at.state ?? defaultStateDir();
  const answer = await orderAgent(dir, order);
  if (answer !== undefined) return answer;
  throw noAgent(dir);
}

export function noAgent(dir: string): SallyportError {
  return new SallyportError('unavailable', `no agent runs on "${dir}"`, { next: 'sallyport agent run' });
}

function idsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((id): id is string => typeof id === 'string') : [];
}
