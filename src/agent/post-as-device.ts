// What the agent itself tells the broker: past the gate, by the api, as the device that it is.

import type { KeyObject } from 'node:crypto';
import { apiRequest, type ApiAnswer } from '../link/api-client.ts';
import type { OutboundProxy } from '../link/outbound-proxy.ts';
import { privatePem } from '../platform/keys.ts';
import type { StateFile } from './state.ts';

export interface DeviceCaller {
  readonly file: StateFile;
  readonly key: KeyObject;
  readonly proxy: OutboundProxy | undefined;
  readonly address: string;
  readonly trueTime: () => number | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Throws SallyportError when the broker did not take it. */
export async function postAsDevice(path: string, body: object, device: DeviceCaller): Promise<ApiAnswer> {
  return await asDevice('POST', path, body, device);
}

export async function getAsDevice(path: string, device: DeviceCaller): Promise<ApiAnswer> {
  return await asDevice('GET', path, undefined, device);
}

async function asDevice(
  method: 'GET' | 'POST',
  path: string,
  body: object | undefined,
  device: DeviceCaller,
): Promise<ApiAnswer> {
  const { file, key, proxy, address, trueTime, timeoutMs } = device;
  const { root, trustDomain, certificate } = file.current;
  return await apiRequest({
    address,
    proxy,
    root,
    trustDomain,
    key: privatePem(key),
    cert: certificate,
    method,
    path,
    ...(body === undefined ? {} : { body }),
    trueTime,
    timeoutMs,
  });
}
