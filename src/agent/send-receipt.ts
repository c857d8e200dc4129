// One teardown receipt on its way to the broker: past the gate, by the api.

import type { KeyObject } from 'node:crypto';
import { apiRequest } from '../link/api-client.ts';
import type { OutboundProxy } from '../link/outbound-proxy.ts';
import { privatePem } from '../platform/keys.ts';
import type { StateFile } from './state.ts';

/** Throws SallyportError when the broker did not take it. */
export async function sendReceipt(
  receipt: string,
  device: {
    readonly file: StateFile;
    readonly key: KeyObject;
    readonly proxy: OutboundProxy | undefined;
    readonly address: string;
    readonly trueTime: () => number | undefined;
  },
): Promise<void> {
  const { file, key, proxy, address, trueTime } = device;
  const { root, trustDomain, certificate } = file.current;
  await apiRequest({
    address,
    proxy,
    root,
    trustDomain,
    key: privatePem(key),
    cert: certificate,
    method: 'POST',
    path: '/v1/device/receipts',
    body: { receipt },
    trueTime,
  });
}
