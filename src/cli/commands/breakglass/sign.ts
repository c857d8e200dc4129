// sallyport breakglass sign FILE --key KEYFILE: shows the request, and adds the key's signature to the file. Needs no
// broker.

import { createPublicKey } from 'node:crypto';
import { resolve } from 'node:path';
import { SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import { writeFileAtomic } from '../../../platform/files.ts';
import { loadPrivateKey, spkiOf } from '../../../platform/keys.ts';
import { sealedFileText, signerOfSealed, signSealed } from '../../../wire/break-glass.ts';
import { keyId, spkiThumbprint } from '../../../wire/signed.ts';
import { readSealedFile, sealedFields } from '../../break-glass/sealed-text.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { confirm } from '../../confirm.ts';
import { print, printFields, printJson } from '../../output.ts';

interface Options extends CommonOptions {
  readonly file: string;
  readonly key: string;
  readonly yes?: boolean;
}

export async function run(options: Options): Promise<number> {
  const path = resolve(options.file);
  const { content, signatures, request } = await readSealedFile(path);
  const key = await loadPrivateKey(resolve(options.key));
  if (key === undefined) {
    throw new SallyportError('local_file', `there is no key in "${printable(options.key)}"`, {
      next: 'name the file that "sallyport breakglass key" wrote',
    });
  }
  if (options.json !== true) printFields(sealedFields(request, Date.now()));
  await confirm('sign this? It stands in for every approval', options);
  const publicKey = createPublicKey(key);
  const own = spkiThumbprint(publicKey);
  const others = signatures.filter((statement) => signerOfSealed(content, statement) !== own);
  const spki = spkiOf(publicKey).toString('base64url');
  const signed = [...others, signSealed(content, spki, { kid: keyId(publicKey), privateKey: key })];
  await writeFileAtomic(path, sealedFileText({ content, signatures: signed }), { mode: 0o644 });
  if (options.json === true) printJson({ file: path, key: own, signatures: signed.length });
  else
    print(`signed; ${signed.length} ${signed.length === 1 ? 'signature is' : 'signatures are'} in the file`);
  return 0;
}
