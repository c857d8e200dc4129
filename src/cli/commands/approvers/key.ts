// sallyport approvers key [--ls] [--remove=KEY]

import { SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import { signStatement } from '../../../wire/signed.ts';
import { call } from '../../api.ts';
import { forgetApproverKey, loadApproverKey, makeApproverKey } from '../../approvers/approver-key.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { confirm } from '../../confirm.ts';
import { print, printJson } from '../../output.ts';
import type { SignIn } from '../../profile.ts';
import { freshSignIn } from '../../renewal.ts';

interface Options extends CommonOptions {
  readonly ls?: boolean;
  readonly remove?: string;
  readonly yes?: boolean;
}

export async function run(options: Options): Promise<number> {
  if (options.ls === true && options.remove !== undefined) {
    throw new SallyportError('invalid', '--ls and --remove are two things', { next: 'give one of them' });
  }
  const me = await freshSignIn(options, Date.now());
  const own = await loadApproverKey(me.broker);
  if (options.ls === true) {
    const { approverKeys } = await call(me, 'GET /v1/whoami', {});
    show(options, approverKeys ?? [], own?.thumbprint);
    return 0;
  }
  if (options.remove !== undefined) return await remove(options, me, options.remove);
  const key = own ?? (await makeApproverKey(me.broker));
  const statement = signStatement('approvers', { digest: me.id, spki: key.spki }, key);
  const { keys } = await call(me, 'POST /v1/approver-keys', { body: { statement } });
  if (options.json === true) printJson({ key: key.thumbprint, keys });
  else {
    print(`you approve with the key ${key.thumbprint} on this machine from now on`);
    print(
      'next: an administrator names you in a set for devices: sallyport approvers set NAME … --threshold N',
    );
  }
  return 0;
}

async function remove(options: Options, me: SignIn, key: string): Promise<number> {
  await confirm(`remove the key ${printable(key, 50)}? What it approved stays approved`, options);
  const { keys } = await call(me, 'DELETE /v1/approver-keys/:id', { params: { id: key } });
  if ((await loadApproverKey(me.broker))?.thumbprint === key) await forgetApproverKey(me.broker);
  if (options.json === true) printJson({ keys });
  else {
    print('it is removed');
    print(
      'next: devices go on to accept it, until an administrator makes a set without it: sallyport approvers set',
    );
  }
  return 0;
}

function show(options: Options, keys: readonly string[], own: string | undefined): void {
  if (options.json === true) printJson({ keys, ...(own === undefined ? {} : { here: own }) });
  else if (keys.length === 0) print('you have no key to approve with; make one: sallyport approvers key');
  else for (const key of keys) print(`${printable(key)}${key === own ? '  on this machine' : ''}`);
}
