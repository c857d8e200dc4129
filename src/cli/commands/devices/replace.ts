// sallyport devices replace DEVICE: another board goes on under its name.

import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { confirm } from '../../confirm.ts';
import { durationFlag, localTimeAndDistance } from '../../moment.ts';
import { print, printableLines, printJson, tone } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly device: string;
  readonly now?: boolean;
  readonly for?: string;
  readonly yes?: boolean;
}

export async function run(options: Options): Promise<number> {
  const now = Date.now();
  const forMs = durationFlag('for', options.for);
  const me = loadSignIn(options, now);
  const device = printableLines(options.device);
  if (options.now === true) {
    await confirm(`the key that "${device}" has now is dead at once, and its sessions end: go on?`, options);
  }
  const invited = await call(me, 'POST /v1/devices/:id/replace', {
    params: { id: options.device },
    body: { ...(options.now === true ? { now: true } : {}), ...(forMs === undefined ? {} : { forMs }) },
  });
  const line = `sallyport agent join ${me.broker} --token ${invited.token}`;
  if (options.json === true) {
    printJson({ ...invited, line });
    return 0;
  }
  const until = localTimeAndDistance(invited.expiresAt, now) ?? '';
  print(`on the new board of "${printableLines(invited.name)}", once, until ${until}:`);
  print('');
  print(tone('strong', printableLines(line)));
  print('');
  print(
    options.now === true ? 'the old key is dead' : 'the old key is dead as soon as the new board has joined',
  );
  return 0;
}
