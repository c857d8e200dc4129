// sallyport broker rotate issuing|root: another issuing CA, or another root and issuing CA, while links and
// sessions stay.

import { resolve } from 'node:path';
import { SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { askLocal } from '../../broker/ask-local.ts';
import { localTime } from '../../moment.ts';
import { print, printFields, printJson } from '../../output.ts';
import { defaultDataDir } from './run.ts';

interface Options extends CommonOptions {
  readonly what: string;
  readonly data?: string;
}

export async function run(options: Options): Promise<number> {
  if (options.what !== 'issuing' && options.what !== 'root') {
    throw new SallyportError('invalid', `"${printable(options.what, 40)}" is nothing that is rotated`, {
      next: 'sallyport broker rotate issuing, or sallyport broker rotate root',
    });
  }
  const dataDir = resolve(options.data ?? defaultDataDir());
  const facts = await askLocal(dataDir, { do: 'rotate', what: options.what });
  if (options.json === true) {
    printJson(facts);
    return 0;
  }
  const isRoot = options.what === 'root';
  printFields([
    ...(isRoot ? ([['root', String(facts['rootFingerprint'])]] as const) : []),
    ['issuing CA', String(facts['serial'])],
    ['keyset', `version ${String(facts['keysetVersion'])}`],
    ['the one before', String(facts['oldSerial'])],
    [
      'its certificates',
      `accepted until ${localTime(String(facts['oldAcceptedUntil'])) ?? ''}; its key is gone`,
    ],
  ]);
  if (isRoot) {
    print(
      'devices and people follow by themselves, also those who are away: the old root signed the new one',
    );
    print(
      'next: sallyport broker backup FILE: an older backup has the old root, whom who followed no longer believes',
    );
  }
  return 0;
}
