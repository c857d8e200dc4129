// Signing in by a provider in a real Chromium, against a real OpenID Connect provider: the broker reads providers.yaml,
// a person comes in without a passkey, and lets a command in by being asked there again.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  clientId,
  clientSecret,
  startOpenIdProvider,
  type OpenIdProvider,
} from '../doubles/openid-provider.ts';
import { Chromium, chromiumPath } from './chromium.ts';
import { Stage } from './stage.ts';

const isMissing = chromiumPath === undefined || spawnSync('certutil', ['-H']).error !== undefined;
const skip = isMissing ? 'needs chromium and certutil' : false;

/** The broker reads the file at its start; the browser trusts the provider's authority as any other. */
async function configure(stage: Stage, idp: OpenIdProvider, home: string): Promise<void> {
  const caFile = join(stage.folder, 'idp-ca.pem');
  const secretFile = join(stage.folder, 'idp.secret');
  await writeFile(caFile, idp.ca);
  await writeFile(secretFile, clientSecret, { mode: 0o600 });
  await mkdir(stage.dataDir, { recursive: true, mode: 0o700 });
  const yaml = `
caFile: ${caFile}
providers:
  example:
    title: Example SSO
    issuer: ${idp.issuer}
    clientId: ${clientId}
    clientSecretFile: ${secretFile}
    roles:
      ops: [operator]
`;
  await writeFile(join(stage.dataDir, 'providers.yaml'), yaml, { mode: 0o600 });
  const database = join(home, '.pki', 'nssdb');
  await mkdir(database, { recursive: true });
  execFileSync('certutil', ['-d', `sql:${database}`, '-N', '--empty-password']);
  execFileSync('certutil', ['-d', `sql:${database}`, '-A', '-n', 'idp', '-t', 'C,,', '-i', caFile]);
}

async function signsInThere(browser: Chromium, login: string): Promise<void> {
  await browser.page.getByPlaceholder('Enter any login').fill(login);
  await browser.page.getByPlaceholder('and password').fill('any');
  await browser.press('Sign-in');
}

test(
  'a person comes in by a provider, and lets a command in by being asked there again',
  { skip },
  async () => {
    const stage = await Stage.open();
    const idp = await startOpenIdProvider(`https://${stage.address}/provider`);
    idp.accounts.set('u-1', { name: 'dora@example.com', groups: ['ops'] });
    let browser: Chromium | undefined;
    try {
      const home = join(stage.folder, 'browser-dora');
      await configure(stage, idp, home);
      await stage.signInPeople(await stage.startBroker());
      const surroundings = stage.surroundings('admin');
      const env = { ...surroundings.env, HOME: home };
      assert.equal((await stage.run(['trust'], { ...surroundings, env })).code, 0);
      browser = await Chromium.start(home);
      await browser.page.goto(`https://${stage.address}/`);
      await browser.press('Sign in by Example SSO');
      await signsInThere(browser, 'u-1');
      await browser.press('Continue');
      await browser.shows('Nothing waits for you');
      await browser.shows('dora at localhost');
      assert.equal(new URL(browser.page.url()).search, '', 'what came back is out of the address');
      await browser.page.getByRole('link', { name: 'Passkeys' }).click();
      await browser.shows('A provider’s sign-in makes none');

      const [, root = ''] = /root fingerprint (\S+)/.exec(stage.broker?.stdout ?? '') ?? [];
      const login = stage.start(['login', stage.address, '--root', root], stage.surroundings('cy'));
      const [, url = ''] = await login.prints(/(https:\S+)/);
      await browser.page.goto(url);
      await browser.press('Let it in by Example SSO');
      await signsInThere(browser, 'u-1');
      await browser.shows('The command is in');
      assert.equal((await login.finished()).code, 0, login.stderr);
      const who = await stage.run(['whoami', '--json'], stage.surroundings('cy'));
      assert.equal((JSON.parse(who.stdout) as { name: string }).name, 'dora');

      await browser.page.goto(`https://${stage.address}/provider?code=x&state=y`);
      await browser.shows('opened without a sign-in that was begun in it');
      assert.deepEqual(
        browser.complaints.filter((text) => !text.startsWith('Failed to load resource')),
        [],
      );
    } finally {
      await browser?.close();
      await stage.close();
      idp.close();
    }
  },
);
