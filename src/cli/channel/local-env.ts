// The few environment variables that travel: locale and colours (core/channel.ts, allowedEnv). A value
// that the device would refuse stays here, without a word: it only concerns how text looks.

import { allowedEnv, parseParams } from '../../core/channel.ts';

export function localEnv(source: NodeJS.ProcessEnv = process.env): Readonly<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const name of allowedEnv) {
    const value = source[name];
    if (value === undefined || value === '') continue;
    const isFit = typeof parseParams({ kind: 'exec', argv: ['true'], env: { [name]: value } }) !== 'string';
    if (isFit) env[name] = value;
  }
  return env;
}
