// The console in a real Chromium: people come in by a passkey, let a command in, ask, approve, and end what is live.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Chromium, chromiumPath } from './chromium.ts';
import { entry, until } from './program.ts';
import { Stage } from './stage.ts';
import { Terminal, whyNoTerminal } from './terminal.ts';

const policy = `
@id("operators-see")
permit (principal in Role::"operator", action == Action::"discover", resource);

@id("approvers-approve")
permit (principal in Role::"approver", action == Action::"approve", resource);

@id("commands-need-one")
@maxSession("1h")
@approvers("1")
permit (principal in Role::"operator", action == Action::"exec", resource);

@id("shells-need-the-own-passkey")
@mfa("session")
permit (principal in Role::"operator", action == Action::"shell", resource);
`;

/** Pictures for whoever wants to look; kept when SALLYPORT_PICTURES names a folder. */
const pictures = process.env['SALLYPORT_PICTURES'];
const isMissing = chromiumPath === undefined || spawnSync('certutil', ['-H']).error !== undefined;

suite('the console', { skip: isMissing ? 'needs chromium and certutil' : false }, () => {
  let stage: Stage;
  let bo: Chromium;
  let anasBrowser: Chromium;
  const browsers: Chromium[] = [];

  async function browser(name: string): Promise<Chromium> {
    const started = await Chromium.start(join(stage.folder, `browser-${name}`));
    browsers.push(started);
    return started;
  }

  async function look(at: Chromium, name: string): Promise<void> {
    for (const width of [360, 1280]) {
      await at.resize(width);
      assert.ok(await at.fits(), `${name} is wider than ${width} pixels`);
      if (pictures === undefined) continue;
      await mkdir(pictures, { recursive: true });
      await at.picture(join(pictures, `${name}-${width}.png`));
      await at.page.emulateMedia({ colorScheme: 'dark' });
      await at.picture(join(pictures, `${name}-${width}-dark.png`));
      await at.page.emulateMedia({ colorScheme: 'light' });
    }
  }

  async function invite(name: string, ...roles: readonly string[]): Promise<string> {
    const words = roles.flatMap((role) => ['--role', role]);
    const made = (await stage.adminJson('identities', 'add', name, ...words)) as { readonly link: string };
    return made.link;
  }

  before(async () => {
    stage = await Stage.ready();
    await stage.applyPolicy(policy);
  });
  after(async () => {
    for (const one of browsers) await one.close();
    await stage?.close();
  });

  test('a browser that was told nothing does not trust it; after "sallyport trust" it does', async () => {
    const stranger = await browser('stranger');
    await assert.rejects(stranger.page.goto(`https://${stage.address}/`), /ERR_CERT_AUTHORITY_INVALID/);
    for (const name of ['bo', 'ana', 'bo-again', 'boss', 'admin']) {
      const home = join(stage.folder, `browser-${name}`);
      await mkdir(home, { recursive: true });
      const surroundings = stage.surroundings('admin');
      const told = await stage.run(['trust', '--json'], {
        ...surroundings,
        env: { ...surroundings.env, HOME: home },
      });
      assert.equal(told.code, 0, told.stderr);
      assert.equal((JSON.parse(told.stdout) as { installed: boolean }).installed, true);
    }
  });

  test('an invite becomes a person with a passkey, without a password anywhere', async () => {
    bo = await browser('bo');
    await bo.page.goto(await invite('bo', 'approver'));
    await bo.shows('Welcome');
    await look(bo, 'enroll');
    await bo.press('Make a passkey');
    await bo.shows('This is your only one');
    await look(bo, 'passkeys');
    await bo.press('Sign out');
    await bo.shows('Your passkey says who you are');
    await look(bo, 'sign-in');
    await bo.press('Sign in with your passkey');
    await bo.shows('Passkeys');
    await bo.page.getByRole('link', { name: 'Requests' }).click();
    await bo.shows('Nothing waits for you');
  });

  test('who lost his passkey comes back by a recovery code that was shown once', async () => {
    await bo.page.goto(`https://${stage.address}/passkeys`);
    await bo.press('Make ten recovery codes');
    await bo.shows('they are not shown again');
    await look(bo, 'recovery-codes');
    const [code = ''] = /[0-9a-z]{5}(?:-[0-9a-z]{5}){3}/.exec(await bo.text()) ?? [];
    await bo.page.reload();
    await bo.shows('10 are left');
    const again = await browser('bo-again');
    await again.page.goto(`https://${stage.address}/`);
    await again.page.getByRole('link', { name: 'Use a recovery code' }).click();
    await again.page.getByLabel('Recovery code').fill(code);
    await look(again, 'recover');
    await again.press('Make a passkey');
    await again.shows('9 are left');
    await again.shows('bo at localhost');
    await bo.page.goto(`https://${stage.address}/requests`);
    await bo.shows('Nothing waits for you');
  });

  test('I1 who does not show that he is there is not let in, and is told so', async () => {
    await bo.press('Sign out');
    await bo.verifies(false);
    await bo.press('Sign in with your passkey');
    await bo.shows('No passkey was used');
    await bo.verifies(true);
    await bo.press('Sign in with your passkey');
    await bo.shows('Nothing waits for you');
  });

  test('a command is let in by a browser: the same code and key on both, and a certificate for that key alone', async () => {
    const [, root = ''] = /root fingerprint (\S+)/.exec(stage.broker?.stdout ?? '') ?? [];
    const login = stage.start(['login', stage.address, '--root', root], stage.surroundings('bo'));
    const [, key = ''] = await login.prints(/key {3}(\S+)/);
    const [, url = ''] = await login.prints(/(https:\S+)/);
    await bo.page.goto(url);
    await bo.shows(key);
    await look(bo, 'device');
    await bo.press('Let it in with your passkey');
    await bo.shows('The command is in');
    assert.equal((await login.finished()).code, 0, login.stderr);
    const who = await stage.run(['whoami', '--json'], stage.surroundings('bo'));
    assert.equal((JSON.parse(who.stdout) as { name: string }).name, 'bo');
  });

  test('a request is shown whole, approved by a passkey over exactly that, once however often it is pressed', async () => {
    const id = await ask('--ticket', 'CHG-4711');
    await bo.page.goto(`https://${stage.address}/requests`);
    await bo.shows('new firmware');
    await look(bo, 'requests');
    await bo.page.getByRole('link', { name: /new firmware/ }).click();
    await bo.shows('CHG-4711');
    await look(bo, 'request');
    const approve = bo.page.getByRole('button', { name: 'Approve with your passkey' });
    await approve.dblclick();
    await bo.shows('1 of 1');
    const shown = await stage.ana('requests', 'show', id, '--json');
    const { state, approvals } = JSON.parse(shown.stdout) as { state: string; approvals: unknown[] };
    assert.deepEqual([state, approvals.length], ['approved', 1]);
    await bo.page.goBack();
    await bo.shows('Nothing waits for you');
    await bo.page.goForward();
    await bo.shows('Take my approval back');
  });

  test('I7 an approval taken back in the browser cuts what stands on it', async () => {
    const running = stage.start(['exec', stage.device, '--', 'sleep', '600'], stage.surroundings('ana'));
    await untilLive();
    await bo.press('Take my approval back');
    await bo.page.getByRole('dialog').getByRole('button', { name: 'Take my approval back' }).click();
    const { code, stderr } = await running.finished();
    assert.equal(code, 255);
    assert.match(stderr, /"bo" took the approval back/);
    await bo.shows('withdrawn');
  });

  test('a request for commands shows each on a line of its own, and opens these alone', async () => {
    const id = await ask('--ticket', 'CHG-4712', '--command', 'echo "a b"; true', '--command', 'uname -s');
    await bo.page.goto(`https://${stage.address}/requests/${id}`);
    await bo.shows("echo 'a b;' true");
    await bo.shows('uname -s');
    await look(bo, 'request-commands');
    await bo.press('Approve with your passkey');
    await bo.shows('1 of 1');
    assert.notEqual((await stage.ana('exec', stage.device, '--', 'uname')).code, 0);
    assert.equal((await stage.ana('exec', stage.device, '--', 'uname', '-s')).stdout, 'Linux\n');
  });

  test('R-071 an administrator of a tenant comes in by his link, and sees nothing of the others', async () => {
    await ask('--ticket', 'CHG-4713');
    const made = (await stage.adminJson('tenants', 'add', 'acme', '--admin', 'boss')) as {
      readonly invite: { readonly link: string };
    };
    const boss = await browser('boss');
    await boss.page.goto(made.invite.link);
    await boss.press('Make a passkey');
    await boss.shows('boss of acme at localhost');
    await boss.page.getByRole('link', { name: 'Requests' }).click();
    await boss.shows('Nothing waits for you');
    await boss.page.getByRole('link', { name: 'Sessions' }).click();
    await look(boss, 'tenant');
  });

  test('locks are seen, set and lifted by whom policy lets', async () => {
    await bo.page.goto(`https://${stage.address}/locks`);
    await bo.shows('Administrators and auditors see locks.');
    const admin = await browser('admin');
    await admin.page.goto(await invite('admin'));
    await admin.press('Make a passkey');
    await admin.shows('This is your only one');
    await admin.page.getByRole('link', { name: 'Locks' }).click();
    await admin.shows('No lock stands.');
    await admin.page.getByLabel('Name or id').fill('ana');
    await admin.page.getByLabel('Why').fill('phished');
    await admin.press('Lock now');
    await admin.shows(/identity ana\s+phished/);
    await look(admin, 'locks');
    assert.match((await stage.ana('whoami')).stderr, /is locked: phished/);
    await admin.press('Lift');
    await admin.page.getByRole('dialog').getByRole('button', { name: 'Lift' }).click();
    await admin.shows('No lock stands.');
    assert.equal((await stage.ana('whoami')).code, 0);
  });

  test('the next approver set is signed by a passkey over exactly what is shown', async () => {
    for (const version of [1, 2]) {
      const made = (await stage.adminJson('approvers', 'set', 'bo', '--threshold', '1')) as {
        version: number;
      };
      assert.equal(made.version, version);
    }
    await bo.page.goto(`https://${stage.address}/approvers`);
    await bo.shows('follows version 1; signed by 0 of 1');
    await look(bo, 'approvers');
    await bo.press('Yes, these people: sign with your passkey');
    await bo.shows('signed; devices that hold version 1 take it');
    const [, second] = (await stage.adminJson('approvers', 'ls')) as readonly { readonly ready: boolean }[];
    assert.equal(second?.ready, true);
  });

  test('R-047 a shell waits until the passkey of who typed it said yes to exactly that', async (t) => {
    anasBrowser = await browser('ana');
    await anasBrowser.page.goto(await invite('ana'));
    await anasBrowser.press('Make a passkey');
    await anasBrowser.shows('This is your only one');
    const why = await whyNoTerminal();
    if (why !== undefined) return t.skip(why);
    const { env } = stage.surroundings('ana');
    const terminal = await Terminal.open({ folder: stage.folder, cols: 140, rows: 30, env: { ...env } });
    try {
      await terminal.enters(`'${process.execPath}' '${entry}' shell ${stage.device}`);
      const [, url = ''] = await terminal.shows(/your passkey has to say yes: (https:\S+)/);
      await anasBrowser.page.goto(url);
      await anasBrowser.shows(stage.device);
      await look(anasBrowser, 'step-up');
      await anasBrowser.press('Open it with your passkey');
      await anasBrowser.shows('Your command goes on');
      await terminal.enters('echo in-$((40 + 2))');
      await terminal.shows(/^in-42$/m);
      await terminal.enters('exit');
    } finally {
      await terminal.close();
    }
    const opened = await stage.events('--type', 'mfa.confirmed');
    assert.equal(opened.length, 1);
  });

  test('a live session is ended by the one whose it is; a locked person is out of the browser, too', async () => {
    const ana = anasBrowser;
    const approved = await stage.run(['approve', await ask(), '--yes'], stage.surroundings('bo'));
    assert.equal(approved.code, 0, approved.stderr);
    const running = stage.start(['exec', stage.device, '--', 'sleep', '600'], stage.surroundings('ana'));
    await ana.page.getByRole('link', { name: 'Sessions' }).click();
    await ana.shows('exec since');
    await look(ana, 'sessions');
    await ana.press('End');
    await ana.page.getByRole('dialog').getByRole('button', { name: 'End', exact: true }).click();
    assert.equal((await running.finished()).code, 255);
    await ana.shows('No session is live');
    assert.equal((await stage.admin('lock', 'add', '--identity', 'ana', '--reason', 'left')).code, 0);
    await ana.page.reload();
    await ana.shows('is locked: left');
  });

  test('the pages run nothing but their own files, and complained of nothing', () => {
    const complaints = browsers.slice(1).flatMap(({ complaints: own }) => own);
    // Answers of 401, 403 and 404 that a page handles are told by the browser all the same.
    assert.deepEqual(
      complaints.filter((text) => !text.startsWith('Failed to load resource')),
      [],
    );
  });

  async function untilLive(): Promise<void> {
    await until('the session is live', async () => {
      const { stdout } = await stage.ana('sessions', 'ls', '--json');
      return (JSON.parse(stdout) as { live: boolean }[]).some(({ live }) => live);
    });
  }

  async function ask(...more: readonly string[]): Promise<string> {
    const words = ['request', stage.device, '--for', '30m', '--reason', 'new firmware', ...more, '--json'];
    const asked = await stage.ana(...words);
    assert.equal(asked.code, 0, asked.stderr);
    return (JSON.parse(asked.stdout) as { readonly id: string }).id;
  }
});
