// sallyport login ADDRESS: by a browser (sign-in/by-browser.ts), by an invite, or for a machine by what it is
// (workload/sign-in.ts). The invite carries the fingerprint of the broker's root, so the broker is checked before the
// invite is shown to it. The key is made here and stays here.

import type { Redeemed } from '../../api/enrollments.ts';
import { isAdministrator } from '../../core/identity.ts';
import { SallyportError } from '../../core/errors.ts';
import { parseToken } from '../../core/token.ts';
import { apiRequest } from '../../link/api-client.ts';
import { firstContact, type KnownBroker } from '../../link/first-contact.ts';
import type { OutboundProxy } from '../../link/outbound-proxy.ts';
import { createCsr } from '../../platform/csr.ts';
import { generateP256 } from '../../platform/keys.ts';
import type { CommonOptions } from '../catalogue/spec.ts';
import { localTimeAndDistance } from '../moment.ts';
import { newProfile } from '../new-profile.ts';
import { print, printFields, printJson } from '../output.ts';
import { normalAddress, storeSignIn, type Profile } from '../profile.ts';
import { proxyTo } from '../proxy.ts';

interface Options extends CommonOptions {
  readonly address: string;
  readonly invite?: string;
  readonly workload?: string;
  readonly root?: string;
  readonly key?: string;
  readonly svid?: string;
  readonly tokenFile?: string;
  readonly audience?: string;
}

export async function run(options: Options): Promise<number> {
  const now = Date.now();
  const address = normalAddress(options.address);
  const { invite, workload, root } = options;
  if (workload !== undefined && invite === undefined) {
    if (root === undefined) {
      throw new SallyportError('invalid', 'a machine has to know the root of its broker', {
        next: 'give --root with the fingerprint that "sallyport identities add" printed with it',
      });
    }
    const { signInWorkload } = await import('../workload/sign-in.ts');
    return await signInWorkload({ ...options, address, workload, root }, now);
  }
  if (workload !== undefined) {
    throw new SallyportError('invalid', 'a person signs in by an invite, a machine by what it is', {
      next: 'give one of --invite TOKEN and --workload NAME',
    });
  }
  if (invite === undefined) {
    const { signInByBrowser } = await import('../sign-in/by-browser.ts');
    return await signInByBrowser({ ...options, address }, now);
  }
  const token = parseToken(invite);
  if (token?.kind !== 'human') {
    throw new SallyportError(
      'invalid',
      token === undefined ? 'the invite is not complete' : 'this token is for a device, not for a person',
      {
        next:
          token === undefined
            ? 'paste the whole line that the administrator sent'
            : `on the device: sallyport agent join ${address} --token …`,
      },
    );
  }
  const proxy = await proxyTo(address);
  const broker = await firstContact({ address, proxy, rootFingerprint: token.rootFingerprint, now });
  const key = generateP256();
  const redeemed = await redeem({
    address,
    proxy,
    broker,
    invite,
    csr: await createCsr(key.privateKey),
  });
  const profile =
    redeemed.kind === 'human'
      ? newProfile({ ...redeemed, kind: 'human' }, { address, broker, key })
      : undefined;
  if (profile === undefined) {
    throw new SallyportError(
      'internal',
      `"${address}" answered with a certificate that is not for the key made here`,
      {
        next: 'ask the administrator for another invite, and to look into the broker’s log',
      },
    );
  }
  refuseOtherClock(profile, now);
  await storeSignIn(profile, key.privateKey);
  if (options.json === true) {
    const { id, name, roles } = redeemed;
    printJson({
      broker: address,
      id,
      name,
      roles: roles ?? [],
      notAfter: new Date(profile.notAfter).toISOString(),
    });
    return 0;
  }
  printFields([
    ['signed in as', redeemed.name],
    ['roles', redeemed.roles?.join(', ') || 'none'],
    ['broker', `${redeemed.broker} (${address})`],
    ['until', localTimeAndDistance(new Date(profile.notAfter).toISOString(), now)],
  ]);
  print(
    redeemed.roles !== undefined && isAdministrator({ roles: redeemed.roles })
      ? 'next: sallyport devices invite NAME, or sallyport devices ls'
      : 'next: sallyport devices ls, then sallyport shell NAME',
  );
  return 0;
}

/** A certificate that is over on arrival means that the clocks differ. */
function refuseOtherClock(profile: Profile, now: number): void {
  if (profile.notAfter > now) return;
  throw new SallyportError(
    'unavailable',
    'the certificate that the broker made is over by the clock here: the two clocks differ',
    {
      next: 'set both clocks; the invite is used up, so ask for another one',
    },
  );
}

interface RedeemRequest {
  readonly address: string;
  readonly proxy: OutboundProxy | undefined;
  readonly broker: KnownBroker;
  readonly invite: string;
  readonly csr: string;
}

async function redeem({ address, proxy, broker, invite, csr }: RedeemRequest): Promise<Redeemed> {
  const { body } = await apiRequest({
    address,
    proxy,
    root: broker.root,
    trustDomain: broker.trustDomain,
    method: 'POST',
    path: '/v1/enrollments/redeem',
    body: { token: invite, csr },
  });
  return body as Redeemed;
}
