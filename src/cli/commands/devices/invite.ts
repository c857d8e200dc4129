// sallyport devices invite NAME: the answer is one line to paste on the device.

import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { labelFlags } from '../../label.ts';
import { durationFlag, localTimeAndDistance } from '../../moment.ts';
import { print, printableLines, printJson, tone } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly name: string;
  readonly owner?: string;
  readonly purpose?: string;
  readonly label?: readonly string[];
  readonly for?: string;
}

export async function run(options: Options): Promise<number> {
  const now = Date.now();
  const forMs = durationFlag('for', options.for);
  const labels = labelFlags(options.label ?? []);
  const me = loadSignIn(options, now);
  const invited = await call(me, 'POST /v1/devices/invitations', {
    body: {
      name: options.name,
      ...(options.owner === undefined ? {} : { owner: options.owner }),
      ...(options.purpose === undefined ? {} : { purpose: options.purpose }),
      ...(options.label === undefined ? {} : { labels }),
      ...(forMs === undefined ? {} : { forMs }),
    },
  });
  const line = `sallyport agent join ${me.broker} --token ${invited.token}`;
  if (options.json === true) {
    printJson({ ...invited, line });
    return 0;
  }
  print(
    `on the device "${printableLines(invited.name)}", once, until ${localTimeAndDistance(invited.expiresAt, now) ?? ''}:`,
  );
  print('');
  print(tone('strong', printableLines(line)));
  print('');
  print('then start it: sallyport agent run');
  return 0;
}
