// sallyport breakglass request TARGET --for D --reason R --to FILE: made here, without asking the broker. With --on-site
// it is for the device itself.

import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { OnSiteRequest, SealedRequest } from '../../../core/break-glass.ts';
import { isOsUser } from '../../../core/channel.ts';
import { isName } from '../../../core/device.ts';
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
import { knownSignIn, loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly target: string;
  readonly for?: string;
  readonly reason: string;
  readonly to: string;
  readonly onSite?: boolean;
  readonly person?: string;
  readonly user?: string;
}

export async function run(options: Options): Promise<number> {
  const now = Date.now();
  const forMs = durationFlag('for', options.for) ?? limits.breakGlassMaxMs;
  if (forMs > limits.breakGlassMaxMs) {
    throw new SallyportError('invalid', 'break-glass opens for 30 minutes at most', {
      next: 'give a shorter --for',
    });
  }
  const common = {
    forMs,
    reason: options.reason,
    madeAt: now,
    notAfter: now + limits.sealedRequestLifeMs,
    nonce: randomBytes(16).toString('base64url'),
  };
  const request =
    options.onSite === true ? onSiteRequest(options, common) : brokerRequest(options, common, now);
  const path = resolve(options.to);
  await writeFileAtomic(path, sealedFileText({ content: sealedText(request), signatures: [] }), {
    mode: 0o644,
  });
  if (options.json === true) printJson({ file: path, ...request });
  else {
    printFields(sealedFields(request, now));
    print(`it is in "${printable(path)}"`);
    print('next: whoever keeps an offline key: sallyport breakglass sign FILE --key KEYFILE');
    print(
      options.onSite === true
        ? '      then on the device: sallyport agent breakglass FILE'
        : '      then here: sallyport breakglass open FILE',
    );
  }
  return 0;
}

type Common = Pick<SealedRequest, 'forMs' | 'reason' | 'madeAt' | 'notAfter' | 'nonce'>;

function brokerRequest(options: Options, common: Common, now: number): SealedRequest {
  if (options.person !== undefined || options.user !== undefined) {
    throw new SallyportError('invalid', '"--person" and "--user" are for a device itself', {
      next: 'add --on-site, or leave them out: a session is by whoever signed in, as policy says',
    });
  }
  const me = loadSignIn(options, now);
  const cnf = operatorKey(me.spki)?.thumbprint;
  if (cnf === undefined || keyIdOf(cnf) !== me.kid) {
    throw new SallyportError('local_file', 'the key of this sign-in cannot be read', {
      next: 'sign in again',
    });
  }
  const identity = { id: me.id, name: me.name };
  return { trustDomain: me.trustDomain, identity, cnf, target: readTarget(options.target), ...common };
}

/** Also where the sign-in is over: nothing of it but the broker's name is in there. */
function onSiteRequest(options: Options, common: Common): OnSiteRequest {
  const { trustDomain, name } = knownSignIn(options);
  const { target, person = name, user = '' } = options;
  if (!isName(target)) {
    throw new SallyportError('invalid', `"${printable(target, 80)}" is not the name of a device`, {
      next: 'on site a device opens its own shell: give its name, without a service',
    });
  }
  if (user !== '' && !isOsUser(user))
    throw new SallyportError('invalid', `"${printable(user, 40)}" is not an OS user`, {
      next: 'like --user root',
    });
  return { trustDomain, device: target, person, user, ...common };
}
