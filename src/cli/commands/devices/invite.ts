// sallyport devices invite NAME, or --count N --name 'pump-{n}': the answer is one line to paste on the device,
// or into an image.

import { SallyportError } from '../../../core/errors.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { labelFlags } from '../../label.ts';
import { countFlag, durationFlag, localTimeAndDistance } from '../../moment.ts';
import { counted, print, printableLines, printJson, tone } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly device?: string;
  readonly name?: string;
  readonly count?: string;
  readonly accept?: readonly string[];
  readonly owner?: string;
  readonly purpose?: string;
  readonly label?: readonly string[];
  readonly for?: string;
}

export async function run(options: Options): Promise<number> {
  const now = Date.now();
  const name = options.device ?? options.name;
  if (name === undefined || (options.device !== undefined && options.name !== undefined)) {
    throw new SallyportError('invalid', 'a device is invited by one name', {
      next: "write its name, or for many: --count 300 --name 'pump-{n}'",
    });
  }
  const forMs = durationFlag('for', options.for);
  const count = countFlag('count', options.count);
  const labels = labelFlags(options.label ?? []);
  const { accept } = options;
  const me = loadSignIn(options, now);
  const invited = await call(me, 'POST /v1/devices/invitations', {
    body: {
      name,
      ...(count === undefined ? {} : { count }),
      ...(accept === undefined ? {} : { accept: accept.includes('all') ? 'all' : [...accept] }),
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
  const until = localTimeAndDistance(invited.expiresAt, now) ?? '';
  const shown = printableLines(invited.name);
  print(
    count === undefined
      ? `on the device "${shown}", once, until ${until}:`
      : `on up to ${counted(count, 'device')}, named "${shown}" in the order of joining, until ${until}:`,
  );
  print('');
  print(tone('strong', printableLines(line)));
  print('');
  print('then start it: sallyport agent run');
  if (count !== undefined && accept === undefined) {
    print('each waits to be accepted: sallyport devices accept --pending');
  }
  if (count !== undefined)
    print(`if the token leaks: sallyport enrollments revoke ${printableLines(invited.id)}`);
  return 0;
}
