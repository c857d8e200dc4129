// sallyport breakglass request TARGET --for D --reason R --to FILE: made here, without asking the broker.

import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { SallyportError } from '../../../core/errors.ts';
import { limits } from '../../../core/limits.ts';
import { printable } from '../../../core/printable.ts';
import { writeFileAtomic } from '../../../platform/files.ts';
import { keyIdOf } from '../../../wire/signed.ts';
import { sealedFileText, sealedText } from '../../../wire/break-glass.ts';
import { operatorKey } from '../../../wire/operator-key.ts';
import { sealedFields } from '../../break-glass/sealed-text.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { readTarget } from '../../channel/open-session.ts';
import { durationFlag } from '../../moment.ts';
import { print, printFields, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly target: string;
  readonly for?: string;
  readonly reason: string;
  readonly to: string;
}

export async function run(options: Options): Promise<number> {
  const now = Date.now();
  const forMs = durationFlag('for', options.for) ?? limits.breakGlassMaxMs;
  if (forMs > limits.breakGlassMaxMs) {
    throw new SallyportError('invalid', 'break-glass opens for 30 minutes at most', {
      next: 'give a shorter --for',
    });
  }
  const me = loadSignIn(options, now);
  const cnf = operatorKey(me.spki)?.thumbprint;
  if (cnf === undefined || keyIdOf(cnf) !== me.kid) {
    throw new SallyportError('local_file', 'the key of this sign-in cannot be read', {
      next: 'sign in again',
    });
  }
  const request = {
    trustDomain: me.trustDomain,
    identity: { id: me.id, name: me.name },
    cnf,
    target: readTarget(options.target),
    forMs,
    reason: options.reason,
    madeAt: now,
    notAfter: now + limits.sealedRequestLifeMs,
    nonce: randomBytes(16).toString('base64url'),
  };
  const path = resolve(options.to);
  await writeFileAtomic(path, sealedFileText({ content: sealedText(request), signatures: [] }), {
    mode: 0o644,
  });
  if (options.json === true) printJson({ file: path, ...request });
  else {
    printFields(sealedFields(request, now));
    print(`it is in "${printable(path)}"`);
    print('next: whoever keeps an offline key: sallyport breakglass sign FILE --key KEYFILE');
    print('      then here: sallyport breakglass open FILE');
  }
  return 0;
}
