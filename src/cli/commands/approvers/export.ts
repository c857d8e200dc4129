// sallyport approvers export [VERSION] --to FILE

import { resolve } from 'node:path';
import { SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import { writeFileAtomic } from '../../../platform/files.ts';
import { approverSetDigest, readSignedApproverSet } from '../../../wire/approver-set.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly version?: string;
  readonly to: string;
}

export async function run(options: Options): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const version = await chosen(options, me);
  const file = await call(me, 'GET /v1/approver-sets/:version', { params: { version } });
  const read = readSignedApproverSet(file);
  if (read === undefined) {
    throw new SallyportError('internal', 'the broker answered with something that is no approver set', {
      next: 'check that broker and command are of the same version',
    });
  }
  const path = resolve(options.to);
  await writeFileAtomic(path, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o644 });
  const fingerprint = approverSetDigest(read.set);
  if (options.json === true) printJson({ version, fingerprint, file: path });
  else {
    print(`version ${version} of the approver set is in "${printable(path)}"`);
    print(`its fingerprint, which the device shows too, is ${fingerprint}`);
    print('next: on the device: sallyport agent pin-approvers FILE');
  }
  return 0;
}

async function chosen({ version }: Options, me: ReturnType<typeof loadSignIn>): Promise<number> {
  if (version !== undefined) {
    if (/^[1-9]\d{0,8}$/.test(version)) return Number(version);
    throw new SallyportError('invalid', `"${printable(version, 20)}" is no version`, {
      next: 'sallyport approvers ls',
    });
  }
  const sets = await allPages((page) => call(me, 'GET /v1/approver-sets', { query: page }));
  const newest = Math.max(0, ...sets.map((set) => set.version));
  if (newest > 0) return newest;
  throw new SallyportError('not_found', 'there is no approver set yet', {
    next: 'an administrator makes one: sallyport approvers set NAME … --threshold N',
  });
}
