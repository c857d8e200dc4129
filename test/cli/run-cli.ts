// Runs the real program with a home of its own, and keeps what it said.

import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { privatePem, spkiOf } from '../../src/platform/keys.ts';
import { keyId } from '../../src/wire/signed.ts';
import { trustDomain, type LeafWithKey } from '../contract/pki-fixture.ts';
import { makePerson, type FakeBroker } from './fake-broker.ts';

export const program = join(import.meta.dirname, '../../bin/sallyport.js');

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly home: string;
  readonly stdin?: string | Uint8Array;
  readonly env?: NodeJS.ProcessEnv;
}

export type Child = ChildProcessByStdio<Writable, Readable, Readable>;

export function startCli(args: readonly string[], options: RunOptions): Child {
  return spawn(process.execPath, [program, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, SALLYPORT_HOME: options.home, SALLYPORT_BROKER: '', NO_COLOR: '', ...options.env },
  });
}

export async function runCli(args: readonly string[], options: RunOptions): Promise<Ran> {
  const child = startCli(args, options);
  child.stdin.on('error', () => child.stdin.destroy());
  child.stdin.end(options.stdin ?? '');
  return await outcomeOf(child);
}

export async function outcomeOf(child: Child): Promise<Ran> {
  const [stdout, stderr, status] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    new Promise<number | null>((resolve) => {
      child.once('close', resolve);
    }),
  ]);
  return { status, stdout, stderr };
}

export async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

export interface Home {
  readonly path: string;
  readonly profile: string;
  remove(): void;
}

export function makeHome(): Home {
  const path = mkdtempSync(join(tmpdir(), 'sallyport-cli-'));
  chmodSync(path, 0o700);
  return { path, profile: '', remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface SignedInOptions {
  readonly person?: LeafWithKey;
  readonly notBefore?: number;
  readonly notAfter?: number;
}

/** A home that is signed in to the broker, as login leaves it. */
export async function signedIn(broker: FakeBroker, options: SignedInOptions = {}): Promise<Home> {
  const person = options.person ?? (await makePerson(broker.pki));
  const home = makeHome();
  const profile = join(home.path, 'profiles', broker.address);
  mkdirSync(profile, { recursive: true, mode: 0o700 });
  const write = (path: string, text: string): void => writeFileSync(path, text, { mode: 0o600 });
  write(join(profile, 'key.pem'), privatePem(person.privateKey));
  write(
    join(profile, 'profile.json'),
    JSON.stringify({
      broker: broker.address,
      trustDomain,
      root: broker.pki.root.certificatePem,
      id: 'human-1',
      name: 'ana',
      certificate: person.chainPem,
      spki: spkiOf(person.publicKey).toString('base64url'),
      kid: keyId(person.publicKey),
      notBefore: options.notBefore ?? person.notBefore,
      notAfter: options.notAfter ?? person.notAfter,
    }),
  );
  write(join(home.path, 'current'), JSON.stringify({ broker: broker.address }));
  return { ...home, profile };
}
