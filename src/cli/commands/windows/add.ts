// sallyport windows add NAME --rule RULE --for D

import { printable } from '../../../core/printable.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { durationFlag, localTimeAndDistance } from '../../moment.ts';
import { print, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly name: string;
  readonly device?: string;
  readonly where?: string;
  readonly rule: string;
  readonly for: string;
}

export async function run(options: Options): Promise<number> {
  const now = Date.now();
  const lastsMs = durationFlag('for', options.for) ?? 0;
  const { name, device, where, rule } = options;
  const me = loadSignIn(options, now);
  const window = await call(me, 'POST /v1/windows', {
    body: {
      name,
      rule,
      lastsMs,
      ...(device === undefined ? {} : { device }),
      ...(where === undefined ? {} : { label: where }),
    },
  });
  if (options.json === true) {
    printJson(window);
    return 0;
  }
  const state = window.open
    ? `is open, until ${localTimeAndDistance(window.endsAt, now) ?? ''}`
    : window.opensAt === undefined
      ? 'never opens again'
      : `opens ${localTimeAndDistance(window.opensAt, now) ?? ''}`;
  print(`"${printable(window.name)}" ${state}`);
  print('a policy asks for it with: when { context.inWindow }');
  return 0;
}
