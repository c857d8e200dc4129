// sallyport lock add: exactly one subject, and a reason that those who are cut will read.

import { lockableKinds } from '../../../core/lock.ts';
import { SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { durationFlag, localTime } from '../../moment.ts';
import { print, printJson, tone } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly identity?: string;
  readonly device?: string;
  readonly service?: string;
  readonly session?: string;
  readonly credential?: string;
  readonly role?: string;
  readonly vendor?: string;
  readonly ticket?: string;
  readonly tenant?: string;
  readonly reason: string;
  readonly for?: string;
}

export async function run(options: Options): Promise<number> {
  const forMs = durationFlag('for', options.for);
  const [kind, ...others] = lockableKinds.filter((name) => options[name] !== undefined);
  const subject = kind === undefined ? undefined : options[kind];
  if (kind === undefined || subject === undefined || others.length > 0) {
    throw new SallyportError('invalid', 'a lock is placed on exactly one thing', {
      next: `give one of ${lockableKinds.map((name) => `--${name}`).join(', ')}`,
    });
  }
  const me = loadSignIn(options, Date.now());
  const { lock, cut } = await call(me, 'POST /v1/locks', {
    body: { kind, subject, reason: options.reason, ...(forMs === undefined ? {} : { forMs }) },
  });
  if (options.json === true) {
    printJson({ lock, cut });
    return 0;
  }
  const until = lock.expiresAt === undefined ? '' : ` until ${localTime(lock.expiresAt) ?? ''}`;
  print(`${tone('bad', 'locked')} ${lock.kind} "${printable(lock.subject.name)}"${until}`);
  print(cut.length === 0 ? 'nothing was live' : `cut: ${cut.map((id) => printable(id)).join(', ')}`);
  print(`lift it with: sallyport unlock ${printable(lock.id)}`);
  return 0;
}
