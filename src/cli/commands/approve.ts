// sallyport approve ID: shows what is asked, and signs exactly that with the key of this sign-in.

import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { textDigest } from '../../wire/approval.ts';
import { signStatement } from '../../wire/signed.ts';
import { call } from '../api.ts';
import { loadApproverKey } from '../approvers/approver-key.ts';
import type { CommonOptions } from '../catalogue/spec.ts';
import { confirm } from '../confirm.ts';
import { printFields, printJson } from '../output.ts';
import { freshSignIn } from '../renewal.ts';
import { contentFields, stateFields } from '../requests/request-text.ts';

interface Options extends CommonOptions {
  readonly request: string;
  readonly yes?: boolean;
}

export async function run(options: Options): Promise<number> {
  const now = Date.now();
  const me = await freshSignIn(options, now);
  const request = await call(me, 'GET /v1/requests/:id', { params: { id: options.request } });
  if (options.json !== true) printFields([...contentFields(request, now), ...stateFields(request, now)]);
  await confirm(`approve this for ${printable(request.requester.name)}?`, options);
  // INVARIANT: the hash is made here, of the text that was shown, and never taken from the broker.
  const digest = textDigest(request.content);
  if (digest !== request.digest) {
    throw new SallyportError('internal', 'the broker names another hash than the one of what it shows', {
      next: 'nothing was approved; tell whoever runs the broker',
    });
  }
  // A key that devices may have pinned, where there is one; else that of the sign-in.
  const key = (await loadApproverKey(me.broker)) ?? { kid: me.kid, privateKey: me.key, spki: me.spki };
  const statement = signStatement('approval', { request: request.id, digest, spki: key.spki }, key);
  const after = await call(me, 'POST /v1/requests/:id/approve', {
    params: { id: request.id },
    body: { statement },
  });
  if (options.json === true) printJson(after);
  else printFields(stateFields(after, Date.now()));
  return 0;
}
