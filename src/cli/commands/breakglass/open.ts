// sallyport breakglass open FILE

import { resolve } from 'node:path';
import { printable } from '../../../core/printable.ts';
import { call } from '../../api.ts';
import { readBrokerFile } from '../../break-glass/sealed-text.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { localTimeAndDistance } from '../../moment.ts';
import { print, printJson } from '../../output.ts';
import { freshSignIn } from '../../renewal.ts';

interface Options extends CommonOptions {
  readonly file: string;
}

export async function run(options: Options): Promise<number> {
  const now = Date.now();
  const { content, signatures } = await readBrokerFile(resolve(options.file));
  const me = await freshSignIn(options, now);
  const use = await call(me, 'POST /v1/break-glass', { body: { content, signatures: [...signatures] } });
  if (options.json === true) printJson(use);
  else {
    print(
      `open, by the keys of ${use.signers.map((name) => printable(name)).join(' and ')}; everybody is told`,
    );
    print(`next: within ten minutes, once: sallyport shell ${printable(use.target)}`);
    print(
      `somebody else reviews it until ${localTimeAndDistance(use.reviewBy, now) ?? ''}, or you are locked`,
    );
  }
  return 0;
}
