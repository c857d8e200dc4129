// sallyport identities add NAME --kind machine|ai_agent: who answers for it, what for, until when, and what proves it.

import { SallyportError } from '../../core/errors.ts';
import type { Role } from '../../core/identity.ts';
import { printable } from '../../core/printable.ts';
import { defaultTenant, nameIn } from '../../core/tenant.ts';
import { call } from '../api.ts';
import { localTimeAndDistance } from '../moment.ts';
import { print, printFields, printJson, tone } from '../output.ts';
import type { SignIn } from '../profile.ts';
import { readText } from '../read-text.ts';

export interface MachineOptions {
  readonly name: string;
  readonly kind?: string;
  readonly owner?: string;
  readonly purpose?: string;
  readonly vendor?: string;
  readonly sponsor?: string;
  readonly forMs: number | undefined;
  readonly roles: readonly Role[] | undefined;
  readonly key?: string;
  readonly spiffeId?: string;
  readonly bundle?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly claim?: readonly string[];
  readonly json?: boolean;
}

export async function addMachine(me: SignIn, options: MachineOptions): Promise<number> {
  const { vendor } = options;
  const owner = options.owner ?? options.sponsor;
  const { name, purpose, forMs, roles, issuer, audience } = options;
  const kind = options.kind === 'machine' || options.kind === 'ai_agent' ? options.kind : undefined;
  if (kind === undefined) {
    throw new SallyportError('invalid', `"${printable(options.kind ?? '', 40)}" is no kind of identity`, {
      next: 'say one of human, machine, ai_agent',
    });
  }
  // nothing that is no person is here without somebody who answers for it, a purpose and an end.
  if (owner === undefined || purpose === undefined || forMs === undefined) {
    throw new SallyportError(
      'invalid',
      `"${printable(name)}" needs somebody who answers for it, a purpose, and an end`,
      {
        next: 'give --owner NAME --purpose TEXT --for DURATION, for example --for 90d',
      },
    );
  }
  const key = options.key === undefined ? undefined : await readText(options.key);
  const svid = await svidOf(options);
  const added = await call(me, 'POST /v1/workloads', {
    body: {
      name,
      kind,
      owner,
      purpose,
      forMs,
      ...(roles === undefined ? {} : { roles: [...roles] }),
      ...(vendor === undefined ? {} : { vendor }),
      ...(key === undefined ? {} : { key }),
      ...(svid === undefined ? {} : { svid }),
      ...(issuer === undefined
        ? {}
        : {
            oidc: {
              issuer,
              ...(audience === undefined ? {} : { audience }),
              claims: claimsOf(options.claim ?? []),
            },
          }),
    },
  });
  const { rootFingerprint } = await call(me, 'GET /v1/trust', {});
  const how = key !== undefined ? ' --key FILE' : svid !== undefined ? ' --svid FILE --key FILE' : '';
  const line = `sallyport login ${me.broker} --workload ${nameIn(added.tenant ?? defaultTenant, added.name)} --root ${rootFingerprint}${how}`;
  if (options.json === true) {
    printJson({ ...added, line });
    return 0;
  }
  printFields([
    ['name', printable(added.name)],
    ['kind', added.kind],
    ['owner', added.owner === undefined ? undefined : printable(added.owner.name)],
    ['until', localTimeAndDistance(added.expiresAt, Date.now())],
  ]);
  print('in its job:');
  print(tone('strong', printable(line, 400)));
  return 0;
}

function claimsOf(typed: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    typed.map((text) => {
      const at = text.indexOf('=');
      if (at > 0) return [text.slice(0, at), text.slice(at + 1)] as const;
      throw new SallyportError('invalid', `"${printable(text, 80)}" is not a claim`, {
        next: 'write NAME=VALUE, for example repository=org/app',
      });
    }),
  );
}

async function svidOf({
  spiffeId,
  bundle,
}: MachineOptions): Promise<{ readonly spiffeId: string; readonly bundle: string } | undefined> {
  if (spiffeId === undefined && bundle === undefined) return undefined;
  if (spiffeId !== undefined && bundle !== undefined) return { spiffeId, bundle: await readText(bundle) };
  throw new SallyportError('invalid', 'an X.509-SVID is pinned by its SPIFFE ID and its bundle', {
    next: 'give --spiffe-id ID and --bundle FILE',
  });
}
