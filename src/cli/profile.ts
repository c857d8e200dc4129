// Who this machine is to a broker: one folder per broker under SALLYPORT_HOME, with the key that was made
// here and a profile beside it. Read synchronously: it is the first thing that exec and shell do, and a
// turn of the event loop would cost more than the read. Modes looser than 0700/0600 are refused
// (negative test L20).
//
//   $SALLYPORT_HOME/current                       {"broker":"gate.example.com:7443"}
//   $SALLYPORT_HOME/profiles/<broker>/key.pem     P-256, PKCS#8
//   $SALLYPORT_HOME/profiles/<broker>/profile.json

import type { KeyObject } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SallyportError } from '../core/errors.ts';
import { parseJsonObject } from '../core/json.ts';
import { parseAddress } from '../link/address.ts';
import {
  ensurePrivateDir,
  hasPrivateDirSync,
  readPrivateFileSync,
  removeFile,
  writeFileAtomic,
} from '../platform/files.ts';
import { loadPrivateKeySync, storePrivateKey } from '../platform/keys.ts';
import { complete, text, texts, whole } from '../wire/fields.ts';

export interface Profile {
  /** "host:port". */
  readonly broker: string;
  /** Where it can be reached, too, as it said at the sign-in or its last renewal. */
  readonly also: readonly string[];
  readonly trustDomain: string;
  /** PEM of the pinned root. */
  readonly root: string;
  readonly id: string;
  readonly name: string;
  /** PEM chain, leaf first, without the root. */
  readonly certificate: string;
  /** Public half of the key, SPKI DER base64url, and its key id: worked out once, at sign-in. */
  readonly spki: string;
  readonly kid: string;
  /** Unix ms, of the leaf. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A profile with its key: what a call to the broker needs. */
export interface SignIn extends Profile {
  readonly key: KeyObject;
  readonly keyPem: string;
}

// The sign-in that this command loaded, for main to renew after the work. Written by loadSignIn alone.
let inUse: SignIn | undefined;

export function signInUsed(): SignIn | undefined {
  return inUse;
}

export function homePath(): string {
  const given = process.env['SALLYPORT_HOME'];
  return given === undefined || given === '' ? join(homedir(), '.sallyport') : given;
}

/** "gate.example.com" -> "gate.example.com:7443": one broker, one profile. */
export function normalAddress(typed: string): string {
  const { host, port } = parseAddress(typed);
  return `${host.includes(':') ? `[${host}]` : host.toLowerCase()}:${port}`;
}

/** --broker, else SALLYPORT_BROKER, else the one signed in to last. */
export function chosenBroker(typed: string | undefined): string | undefined {
  const wanted = typed ?? (process.env['SALLYPORT_BROKER'] || undefined);
  if (wanted !== undefined) return normalAddress(wanted);
  const home = homePath();
  if (!hasPrivateDirSync(home)) return undefined;
  const current = readPrivateFileSync(join(home, 'current'));
  return current === undefined ? undefined : text(parseJsonObject(current.toString()) ?? {}, 'broker');
}

/** The brokers there are profiles of. */
export function knownBrokers(): readonly string[] {
  const path = join(homePath(), 'profiles');
  return hasPrivateDirSync(path) ? readdirSync(path).sort() : [];
}

/** Undefined when this machine was never signed in to that broker. */
export function readSignIn(broker: string): SignIn | undefined {
  const home = homePath();
  const folder = profilePath(broker);
  if (!hasPrivateDirSync(home) || !hasPrivateDirSync(folder)) return undefined;
  const stored = readPrivateFileSync(join(folder, 'profile.json'));
  const key = loadPrivateKeySync(join(folder, 'key.pem'));
  // TLS takes the text: reading it twice costs less than writing the key out as PEM again.
  const keyPem = readPrivateFileSync(join(folder, 'key.pem'))?.toString();
  if (stored === undefined || key === undefined || keyPem === undefined) return undefined;
  const fields = parseJsonObject(stored.toString()) ?? {};
  const profile = complete<Profile>({
    broker: text(fields, 'broker'),
    also: texts(fields, 'also') ?? [],
    trustDomain: text(fields, 'trustDomain'),
    root: text(fields, 'root'),
    id: text(fields, 'id'),
    name: text(fields, 'name'),
    certificate: text(fields, 'certificate'),
    spki: text(fields, 'spki'),
    kid: text(fields, 'kid'),
    notBefore: whole(fields, 'notBefore'),
    notAfter: whole(fields, 'notAfter'),
  });
  if (profile === undefined) {
    throw new SallyportError('unauthenticated', `the profile of "${broker}" in "${folder}" cannot be read`, {
      next: `sallyport login ${broker} --invite … (an administrator makes the invite)`,
    });
  }
  return { ...profile, key, keyPem };
}

/** Who this machine was last signed in as, however long ago. Throws `unauthenticated` when it never was. */
export function knownSignIn(options: { readonly broker?: string | undefined }): SignIn {
  const broker = chosenBroker(options.broker);
  const found = broker === undefined ? undefined : readSignIn(broker);
  if (found === undefined) {
    const where = broker === undefined ? 'to any broker' : `to "${broker}"`;
    throw new SallyportError('unauthenticated', `you are not signed in ${where}`, {
      next: `sallyport login ${broker ?? 'ADDRESS'} --invite … (an administrator makes the invite)`,
    });
  }
  return found;
}

/** The sign-in to work with. Throws `unauthenticated`, in words, when there is none or it is over. */
export function loadSignIn(options: { readonly broker?: string | undefined }, now: number): SignIn {
  const found = knownSignIn(options);
  if (now > found.notAfter) {
    throw new SallyportError(
      'unauthenticated',
      `the sign-in of "${found.name}" to "${found.broker}" ended at ${new Date(found.notAfter).toISOString()}, and the clock here says ${new Date(now).toISOString()}`,
      {
        next: `ask an administrator for an invite ("sallyport identities add ${found.name}"), then: sallyport login ${found.broker} --invite …; if the clock is wrong, set it`,
      },
    );
  }
  inUse = found;
  return found;
}

/** Renewed before the work when less than this is left: the work itself takes time. */
const soonMs = 10 * 60_000;

/** Whether the certificate wants renewing, and whether that may wait until the work is done. */
export function renewalDue(profile: Profile, now: number): 'no' | 'after' | 'before' {
  const left = profile.notAfter - now;
  if (left < soonMs) return 'before';
  return left < (profile.notAfter - profile.notBefore) / 2 ? 'after' : 'no';
}

/** Makes it the current one. The key first: a profile without its key would be worth nothing. */
export async function storeSignIn(profile: Profile, key: KeyObject): Promise<void> {
  const folder = profilePath(profile.broker);
  await ensurePrivateDir(homePath());
  await ensurePrivateDir(join(homePath(), 'profiles'));
  await ensurePrivateDir(folder);
  await storePrivateKey(join(folder, 'key.pem'), key);
  await storeProfile(profile);
  await writeFileAtomic(join(homePath(), 'current'), JSON.stringify({ broker: profile.broker }));
}

export async function storeProfile(profile: Profile): Promise<void> {
  const { broker, also, trustDomain, root, id, name, certificate, spki, kid, notBefore, notAfter } = profile;
  const kept = { broker, also, trustDomain, root, id, name, certificate, spki, kid, notBefore, notAfter };
  await writeFileAtomic(join(profilePath(broker), 'profile.json'), JSON.stringify(kept));
}

export async function forgetSignIn(broker: string): Promise<void> {
  // The key first: what a power cut leaves behind must not be able to sign.
  await removeFile(join(profilePath(broker), 'key.pem'));
  await rm(profilePath(broker), { recursive: true, force: true });
  if (chosenBroker(undefined) === broker) await removeFile(join(homePath(), 'current'));
}

/** The folder of one broker. */
export function profilePath(broker: string): string {
  return join(homePath(), 'profiles', broker);
}
