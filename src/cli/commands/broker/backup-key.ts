// sallyport broker backup-key FILE: a key pair for backups. The private half belongs far from the broker.

import { resolve } from 'node:path';
import { SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import { readPrivateFile, writeFileAtomic } from '../../../platform/files.ts';
import { newSealKeys } from '../../../platform/sealed-stream.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson } from '../../output.ts';

export async function run(options: CommonOptions & { readonly file: string }): Promise<number> {
  const path = resolve(options.file);
  if ((await readPrivateFile(path)) !== undefined) {
    throw new SallyportError('conflict', `"${printable(path)}" is there already`, {
      next: 'a key that is overwritten takes its backups with it: choose another name',
    });
  }
  const keys = newSealKeys();
  await writeFileAtomic(path, keys.privatePem);
  if (options.json === true) printJson({ file: path, recipient: keys.recipient });
  else {
    print(`the key that opens backups is in "${printable(path)}": keep it away from the broker`);
    print(`backups are made to: ${keys.recipient}`);
    print(`next: sallyport broker backup FILE --to ${keys.recipient}`);
  }
  return 0;
}
