// sallyport broker rotate issuing: another issuing CA, while links and sessions stay.

import { resolve } from 'node:path';
import { SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { askLocal } from '../../broker/ask-local.ts';
import { localTime } from '../../moment.ts';
import { printFields, printJson } from '../../output.ts';
import { defaultDataDir } from './run.ts';

interface Options extends CommonOptions {
  readonly what: string;
  readonly data?: string;
}

export async function run(options: Options): Promise<number> {
  if (options.what !== 'issuing') {
    throw new SallyportError('invalid', `"${printable(options.what, 40)}" is not rotated by this version`, {
      next: 'sallyport broker rotate issuing',
    });
  }
  const dataDir = resolve(options.data ?? defaultDataDir());
  const facts = await askLocal(dataDir, { do: 'rotate', what: options.what });
  if (options.json === true) printJson(facts);
  else {
    printFields([
      ['issuing CA', String(facts['serial'])],
      ['keyset', `version ${String(facts['keysetVersion'])}`],
      ['the one before', String(facts['oldSerial'])],
      [
        'its certificates',
        `accepted until ${localTime(String(facts['oldAcceptedUntil'])) ?? ''}; its key is gone`,
      ],
    ]);
  }
  return 0;
}
