// sallyport approvers sign VERSION: shows the set, and signs exactly that with the own approver key.

import { SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import { approverSetDigest } from '../../../wire/approver-set.ts';
import { signStatement } from '../../../wire/signed.ts';
import { allPages, call } from '../../api.ts';
import { loadApproverKey } from '../../approvers/approver-key.ts';
import { shownSet } from '../../approvers/shown-set.ts';
import { setFields } from '../../approvers/set-text.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { confirm } from '../../confirm.ts';
import { print, printFields, printJson } from '../../output.ts';
import { freshSignIn } from '../../renewal.ts';

interface Options extends CommonOptions {
  readonly version: string;
  readonly yes?: boolean;
}

export async function run(options: Options): Promise<number> {
  const now = Date.now();
  const me = await freshSignIn(options, now);
  const key = await loadApproverKey(me.broker);
  if (key === undefined) {
    throw new SallyportError('local_file', 'there is no key to approve with on this machine', {
      next: 'sign it in the console by your passkey, or on the machine where "sallyport approvers key" was run',
    });
  }
  const sets = await allPages((page) => call(me, 'GET /v1/approver-sets', { query: page }));
  const wanted = sets.find(({ version }) => String(version) === options.version);
  if (wanted === undefined) {
    throw new SallyportError(
      'not_found',
      `there is no version ${printable(options.version, 20)} of the approver set`,
      {
        next: 'sallyport approvers ls',
      },
    );
  }
  const set = shownSet(wanted);
  if (options.json !== true) printFields(setFields(set, now));
  await confirm('are these the people whose approval devices accept from now on?', options);
  const digest = approverSetDigest(set);
  const statement = signStatement('approvers', { digest, version: set.version, spki: key.spki }, key);
  const after = await call(me, 'POST /v1/approver-sets/:version/sign', {
    params: { version: wanted.version },
    body: { statement },
  });
  if (options.json === true) printJson(after);
  else {
    print(
      after.ready
        ? 'it is signed as it takes: devices pin it within some minutes'
        : `signed by ${after.signatures.length} of ${after.needed}`,
    );
  }
  return 0;
}
