// sallyport breakglass key FILE: a key that lies offline, for break-glass alone. Needs no broker.

import { createPublicKey } from 'node:crypto';
import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import { SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import { generateEd25519, storePrivateKey } from '../../../platform/keys.ts';
import { spkiThumbprint } from '../../../wire/signed.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson } from '../../output.ts';

interface Options extends CommonOptions {
  readonly file: string;
}

export async function run(options: Options): Promise<number> {
  const file = resolve(options.file);
  if (await exists(file)) {
    throw new SallyportError('conflict', `there is a file "${printable(file)}" already`, {
      next: 'name another one: a key that was overwritten opens nothing any more',
    });
  }
  const { privateKey } = generateEd25519();
  await storePrivateKey(file, privateKey);
  const key = spkiThumbprint(createPublicKey(privateKey));
  if (options.json === true) printJson({ file, key });
  else {
    print(`the key is in "${printable(file)}": keep it where neither broker nor laptop is, and nobody alone`);
    print(`next: an administrator sets it: sallyport breakglass set NAME=${key} NAME=KEY … --need 2`);
  }
  return 0;
}

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
