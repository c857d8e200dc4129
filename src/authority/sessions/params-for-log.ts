// What of a channel's parameters stands in an event's body: what was asked for, never how the terminal
// looks.

import type { ChannelParams } from '../../core/channel.ts';
import type { JsonObject } from '../../core/json.ts';

export function paramsForLog(params: ChannelParams): JsonObject {
  switch (params.kind) {
    case 'shell':
      return {};
    case 'exec':
      return { argv: params.argv };
    case 'files':
      return { mode: params.mode, roots: params.roots };
    case 'tcp':
      return { host: params.host, port: params.port };
    default:
      return params satisfies never;
  }
}
