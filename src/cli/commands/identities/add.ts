// sallyport identities add NAME: invites a person, with one line to paste; or, with --kind, makes a machine known
// (workload/add.ts).

import { roles as knownRoles, type Role } from '../../../core/identity.ts';
import { SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { durationFlag, localTimeAndDistance } from '../../moment.ts';
import { print, printableLines, printJson, tone } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly name: string;
  readonly role?: readonly string[];
  readonly for?: string;
  readonly kind?: string;
  readonly owner?: string;
  readonly purpose?: string;
  readonly vendor?: string;
  readonly sponsor?: string;
  readonly key?: string;
  readonly spiffeId?: string;
  readonly bundle?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly claim?: readonly string[];
}

export async function run(options: Options): Promise<number> {
  const now = Date.now();
  const forMs = durationFlag('for', options.for);
  const roles = options.role?.map(parseRole);
  const me = loadSignIn(options, now);
  if (options.kind !== undefined && options.kind !== 'human') {
    const { addMachine } = await import('../../workload/add.ts');
    return await addMachine(me, { ...options, forMs, roles });
  }
  const vendor = vendorOf(options, forMs);
  const invited = await call(me, 'POST /v1/identities/invitations', {
    body: {
      name: options.name,
      ...(roles === undefined ? {} : { roles }),
      ...(vendor === undefined ? (forMs === undefined ? {} : { forMs }) : { vendor }),
    },
  });
  const line = `sallyport login ${me.broker} --invite ${invited.token}`;
  if (options.json === true) {
    printJson({ ...invited, line });
    return 0;
  }
  print(
    `for "${printableLines(invited.name)}", once, until ${localTimeAndDistance(invited.expiresAt, now) ?? ''}:`,
  );
  print('');
  print(tone('strong', printableLines(line)));
  if (invited.link !== undefined) {
    print('');
    print('or, for a passkey, in a browser:');
    print('');
    print(tone('strong', printableLines(invited.link)));
  }
  return 0;
}

/** nobody comes from a vendor without somebody who answers for him, a purpose and an end. */
function vendorOf(options: Options, forMs: number | undefined) {
  const { vendor: firm, sponsor, purpose } = options;
  if (firm === undefined && sponsor === undefined) return undefined;
  if (firm !== undefined && sponsor !== undefined && purpose !== undefined && forMs !== undefined)
    return { firm, sponsor, purpose, forMs };
  throw new SallyportError(
    'invalid',
    `"${printable(options.name)}" comes from a vendor, and needs a firm, a sponsor, a purpose and an end`,
    { next: 'give --vendor FIRM --sponsor NAME --purpose TEXT --for DURATION, for example --for 8h' },
  );
}

/** Throws `invalid`. */
export function parseRole(typed: string): Role {
  const role = knownRoles.find((known) => known === typed);
  if (role !== undefined) return role;
  throw new SallyportError('invalid', `"${printable(typed, 60)}" is not a role`, {
    next: `roles are: ${knownRoles.join(', ')}`,
  });
}
