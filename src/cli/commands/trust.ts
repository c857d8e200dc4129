// sallyport trust: the console's own root for this user's browsers. Where the console has a certificate that browsers
// trust anyway, there is nothing to do.

import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { SallyportError } from '../../core/errors.ts';
import { writeFileAtomic } from '../../platform/files.ts';
import { call } from '../api.ts';
import type { CommonOptions } from '../catalogue/spec.ts';
import { print, printFields, printJson } from '../output.ts';
import { loadSignIn, profilePath } from '../profile.ts';

interface Options extends CommonOptions {
  readonly out?: string;
}

export async function run(options: Options): Promise<number> {
  const me = loadSignIn(options, Date.now());
  // Over the connection whose root is pinned: what it says of the other one can be believed.
  const { console, consoleRoot } = await call(me, 'GET /v1/trust', {});
  if (console === undefined) {
    throw new SallyportError('unavailable', `"${me.broker}" has no console`, {
      next: 'give the broker a DNS name: docs/console.md',
    });
  }
  if (consoleRoot === undefined) {
    if (options.json === true) printJson({ console, needed: false });
    else print(`${console} has a certificate of its own: there is nothing to trust`);
    return 0;
  }
  const fingerprint = new X509Certificate(consoleRoot).fingerprint256;
  const file = options.out ?? join(profilePath(me.broker), 'console-root.pem');
  await writeFileAtomic(file, consoleRoot, { mode: 0o644 });
  const installed = options.out === undefined && (await installForBrowsers(console, file));
  if (options.json === true) {
    printJson({ console, needed: true, file, fingerprint, installed });
    return 0;
  }
  printFields([
    ['console', console],
    ['root', file],
    ['SHA-256', fingerprint],
    ['browsers', installed ? 'Chromium and Chrome of this user trust it from their next start' : undefined],
  ]);
  print('');
  print(installed ? 'for other browsers, and for everybody on this machine:' : 'to let browsers trust it:');
  for (const line of byHand(file, installed)) print(`  ${line}`);
  return 0;
}

/** Chromium and Chrome on Linux read this user's NSS database. False where that cannot be written. */
async function installForBrowsers(console: string, file: string): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  const database = join(homedir(), '.pki', 'nssdb');
  const certutil = (...words: readonly string[]): boolean =>
    spawnSync('certutil', ['-d', `sql:${database}`, ...words], { stdio: 'ignore' }).status === 0;
  await mkdir(database, { recursive: true, mode: 0o700 });
  if (!certutil('-L') && !certutil('-N', '--empty-password')) return false;
  const name = `Sallyport ${console}`;
  certutil('-D', '-n', name);
  return certutil('-A', '-n', name, '-t', 'C,,', '-i', file);
}

function byHand(file: string, isInstalled: boolean): readonly string[] {
  if (process.platform === 'darwin') {
    return [`security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db '${file}'`];
  }
  return [
    'Firefox: Settings, Certificates, Authorities, Import',
    `Debian: sudo cp '${file}' /usr/local/share/ca-certificates/sallyport-console.crt && sudo update-ca-certificates`,
    `Fedora: sudo trust anchor '${file}'`,
    ...(isInstalled ? [] : ['Chromium: install certutil (libnss3-tools, nss-tools), then run this again']),
  ];
}
