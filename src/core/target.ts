// A target as typed: `device` (its built-in shell, exec, files) or `device/service`.

import { isName } from './device.ts';

export interface Target {
  readonly device: string;
  readonly service?: string;
}

/** Undefined when the text is no target. Names are DNS labels, so nothing needs escaping. */
export function parseTarget(text: string): Target | undefined {
  const [device = '', service, ...rest] = text.split('/');
  if (rest.length > 0 || !isName(device)) return undefined;
  if (service === undefined) return { device };
  return isName(service) ? { device, service } : undefined;
}

export function formatTarget(target: Target): string {
  return target.service === undefined ? target.device : `${target.device}/${target.service}`;
}
