// A stage between real networks: the broker in "the internet", the device behind its routers, the administrator
// elsewhere, and all of it away again afterwards.

import type { Double } from './double.ts';
import { brokerAddress, type Host, type Network } from './network.ts';
import { Stage } from './stage.ts';

export const brokerPort = 7443;

const listen = `${brokerAddress}:${brokerPort}`;

export async function openWithin(
  network: Network,
  { address = listen, ana = 'operator' }: { readonly address?: string; readonly ana?: Host } = {},
): Promise<Stage> {
  return await Stage.open({
    within: {
      broker: network.within('internet'),
      device: network.within('device'),
      admin: network.within('operator'),
      ana: network.within(ana),
    },
    listen,
    address,
  });
}

/** The networks go also when something else did not end as it should. */
export async function leave(
  network: Network | undefined,
  stage: Stage | undefined,
  doubles: readonly (Double | undefined)[] = [],
): Promise<void> {
  try {
    for (const double of doubles) await double?.end();
    await stage?.close();
  } finally {
    await network?.remove();
  }
}
