// sallyport totp add: the secret is shown once, and counts once the app has shown a code of it.

import { SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { ask } from '../../channel/ask-code.ts';
import { print, printJson, tone } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

export async function run(options: CommonOptions): Promise<number> {
  const me = loadSignIn(options, Date.now());
  if (!process.stdin.isTTY) {
    throw new SallyportError('invalid', 'this asks for a code of the app', { next: 'type it in a terminal' });
  }
  const { secret, uri } = await call(me, 'POST /v1/totp/begin', {});
  const told = [
    'add this to your authenticator app, by hand or as a QR code of the line below; it is not shown again:',
    '',
    tone('strong', printable(secret.replaceAll(/.{4}(?!$)/g, '$& '))),
    printable(uri, 400),
    '',
  ];
  for (const line of told) process.stderr.write(`${line}\n`);
  const code = await ask('code that it shows now: ');
  const done = await call(me, 'POST /v1/totp', { body: { code } });
  if (options.json === true) printJson(done);
  else print('added: policies with @mfaBy("totp") take its codes');
  return 0;
}
