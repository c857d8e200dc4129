// sallyport login ADDRESS: a code is shown, and a browser that its owner's passkey let in says yes to this machine and
// this key. The broker's root is known from a sign-in before, or by its fingerprint.

import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { CodeMade, CodePolled } from '../../api/passkeys.ts';
import { exitStatus, SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { apiRequest } from '../../link/api-client.ts';
import { firstContact } from '../../link/first-contact.ts';
import { createCsr } from '../../platform/csr.ts';
import { generateP256 } from '../../platform/keys.ts';
import { spkiThumbprint } from '../../wire/signed.ts';
import { localTime } from '../moment.ts';
import type { PinnedBroker } from '../new-profile.ts';
import { openBrowser } from '../open-browser.ts';
import { readSignIn } from '../profile.ts';
import { proxyTo } from '../proxy.ts';
import { keepSignIn } from './keep.ts';

export interface BrowserSignIn {
  readonly address: string;
  readonly root?: string | undefined;
  readonly json?: boolean;
}

const askEveryMs = 2_000;

export async function signInByBrowser(options: BrowserSignIn, now: number): Promise<number> {
  const { address } = options;
  const proxy = await proxyTo(address);
  const broker = await pinned(options, now);
  const key = generateP256();
  const post = async (path: string, body: unknown): Promise<unknown> =>
    (await apiRequest({ address, proxy, ...broker, method: 'POST', path, body })).body;
  const made = (await post('/v1/sign-in/codes', {
    csr: await createCsr(key.privateKey),
    machine: hostname(),
  })) as CodeMade;
  tell(made, spkiThumbprint(key.publicKey));
  openBrowser(made.url);
  for (;;) {
    await pause(askEveryMs);
    const { signedIn } = (await post('/v1/sign-in/codes/poll', { secret: made.secret })) as CodePolled;
    if (signedIn === undefined) continue;
    await keepSignIn(signedIn, { address, broker, key, isJson: options.json === true });
    return exitStatus.done;
  }
}

async function pinned({ address, root }: BrowserSignIn, now: number): Promise<PinnedBroker> {
  if (root !== undefined)
    return await firstContact({ address, proxy: await proxyTo(address), rootFingerprint: root, now });
  const known = readSignIn(address);
  if (known !== undefined) return { root: known.root, trustDomain: known.trustDomain };
  throw new SallyportError('invalid', `this machine does not know the root of "${address}" yet`, {
    next: `the console shows the whole command under "Let a command in"; or ask an administrator for an invite: sallyport login ${address} --invite …`,
  });
}

/** On stderr: standard output is for what comes of it. */
function tell({ code, url, expiresAt }: CodeMade, spki: string): void {
  process.stderr.write(
    [
      'open this in a browser, compare code and key, and say yes with your passkey:',
      '',
      `  ${printable(url)}`,
      '',
      `code  ${printable(code)}`,
      `key   ${spki}`,
      `waiting until ${localTime(expiresAt) ?? ''}; Ctrl-C gives up`,
      '',
    ].join('\n'),
  );
}
