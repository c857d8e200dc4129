// The sign-in certificate renews itself: past half its life with the next command, after the work where
// there is time, before it where there is little. A renewal that fails is tried again by the next
// command; nobody is bothered before the certificate is nearly over.

import { X509Certificate } from 'node:crypto';
import { SallyportError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { createCsr } from '../platform/csr.ts';
import { FileFault } from '../platform/file-fault.ts';
import { call } from './api.ts';
import { loadSignIn, renewalDue, storeProfile, type SignIn } from './profile.ts';

/** The work is done by then; a slow broker must not hold up the prompt. */
const renewTimeoutMs = 3_000;

/** Asks for a new certificate for the same key and keeps it. */
export async function renewSignIn(me: SignIn): Promise<SignIn> {
  const csr = await createCsr(me.key);
  const { certificate, keyset, addresses } = await call(
    me,
    'POST /v1/sign-in/renew',
    { body: { csr } },
    { timeoutMs: renewTimeoutMs },
  );
  const renewed = {
    ...me,
    also: addresses === undefined ? me.also : others(addresses, me.broker),
    root: await rootBehind(keyset, me.root),
    certificate,
    ...lifeOf(certificate),
  };
  await storeProfile(renewed);
  return renewed;
}

/** PEM: the pinned root, or the newest that it leads to. */
async function rootBehind(keyset: string | undefined, pinned: string): Promise<string> {
  if (keyset === undefined) return pinned;
  // Every command loads this file, and hardly one renews.
  const { openKeyset } = await import('../wire/keyset.ts');
  return openKeyset(keyset, new X509Certificate(pinned))?.root.toString() ?? pinned;
}

/** What is left of a broker's addresses beside the one it is known by. */
export function others(addresses: readonly string[], broker: string): readonly string[] {
  return addresses.filter((address) => address !== broker);
}

/** From when to when the leaf of a PEM chain is good, Unix ms. */
export function lifeOf(certificate: string): { readonly notBefore: number; readonly notAfter: number } {
  const leaf = new X509Certificate(certificate);
  return { notBefore: leaf.validFromDate.getTime(), notAfter: leaf.validToDate.getTime() };
}

/** After the work: a failure is the next command's to mend, and only worth a word when time is short. */
export async function renewQuietly(me: SignIn, now: number): Promise<void> {
  const due = renewalDue(me, now);
  if (due === 'no') return;
  try {
    await renewSignIn(me);
  } catch (error) {
    if (!(error instanceof SallyportError) && !(error instanceof FileFault)) throw error;
    if (due === 'before') sayNotRenewed(error);
  }
}

/** The sign-in for work that may take long: one that ends soon is renewed before. */
export async function freshSignIn(
  options: { readonly broker?: string | undefined },
  now: number,
): Promise<SignIn> {
  const me = loadSignIn(options, now);
  return renewalDue(me, now) === 'before' ? await renewOrKeep(me) : me;
}

async function renewOrKeep(me: SignIn): Promise<SignIn> {
  try {
    return await renewSignIn(me);
  } catch (error) {
    if (!(error instanceof SallyportError) && !(error instanceof FileFault)) throw error;
    sayNotRenewed(error);
    return me;
  }
}

function sayNotRenewed(error: Error): void {
  process.stderr.write(`sallyport: the sign-in could not be renewed: ${printable(error.message)}\n`);
}
