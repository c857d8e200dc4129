// Whole scenarios of the requirements, from the words of whoever wants in to what an auditor reads, with the real
// command line: what S-01, S-06 and S-08 each promise, and what each refuses.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { until, type Ran } from './program.ts';
import { must, Stage } from './stage.ts';

const policy = `
@id("see") permit (principal in Role::"operator", action == Action::"discover", resource);
@id("approve") permit (principal in Role::"approver", action == Action::"approve", resource);

@id("orders-api") @maxSession("60m")
permit (principal in Role::"operator", action == Action::"forward", resource is Service)
when { resource.name == "orders" };

@id("edge-commands") @maxSession("10m")
permit (principal in Role::"operator", action == Action::"exec", resource)
when { context has command && ["uname -s", "cat /etc/hostname"].contains(context.command) };

@id("patch") @maxSession("1h") @approvers("2")
permit (principal in Role::"operator", action == Action::"exec", resource)
when { context.inWindow && context has program && context.program == "sh" };
`;

suite('scenarios', () => {
  let stage: Stage;
  const servers: Server[] = [];

  before(async () => {
    stage = await Stage.ready();
    await stage.applyPolicy(policy);
    for (const name of ['bo', 'cy'] as const) await stage.signInApprover(name);
  });
  after(async () => {
    for (const server of servers) server.close();
    await stage?.close();
  });

  async function as(name: 'bo' | 'cy', ...words: readonly string[]): Promise<Ran> {
    return await stage.run(words, stage.surroundings(name));
  }

  async function addService(name: string): Promise<string> {
    const server = createServer((_request, response) => response.end(`${name} says hello`));
    servers.push(server);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const words = ['services', 'add', `${stage.device}/${name}`, '--tcp', `127.0.0.1:${port}`];
    must(
      await stage.admin(...words, '--owner', 'ana', '--class', 'workload', '--review', '2099-01-01'),
      words,
    );
    return `${stage.device}/${name}`;
  }

  test('S-01 a developer reaches the internal API through a port of hers, by name, for an hour; another port not', async () => {
    const target = await addService('orders');
    const other = await addService('payroll');
    const forward = stage.start(['forward', target], stage.surroundings('ana'));
    const [, port] = await forward.prints(/listening at 127\.0\.0\.1:(\d+)/);
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    assert.equal(await answer.text(), 'orders says hello');
    const [session] = await stage.sessions();
    const shown = (await stage.adminJson('sessions', 'show', session?.id ?? '')) as {
      readonly identity: { readonly name: string };
      readonly createdAt: string;
      readonly mustEndAt: string;
    };
    assert.equal(shown.identity.name, 'ana');
    assert.ok(Date.parse(shown.mustEndAt) - Date.parse(shown.createdAt) <= 60 * 60_000);
    const refused = await stage.ana('forward', other);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /payroll/);
    await forward.end();
    const opened = await stage.events('--type', 'channel.opened', '--session', session?.id ?? '');
    assert.equal(opened.length, 1);
  });

  test('S-06 on an edge appliance the commands that are allowed run, and nothing else: no shell, no file, no word more', async () => {
    assert.equal((await stage.ana('exec', stage.device, '--', 'uname', '-s')).stdout, 'Linux\n');
    for (const words of [
      ['exec', stage.device, '--', 'uname', '-a'],
      ['exec', stage.device, '--', 'uname -s'],
      ['exec', stage.device, '--', 'cat', '/etc/shadow'],
      ['exec', stage.device, '--', 'env', 'uname', '-s'],
      ['cp', `${stage.device}:/etc/hostname`, join(stage.folder, 'copied')],
    ]) {
      const { code, stdout } = await stage.ana(...words);
      assert.notEqual(code, 0, words.join(' '));
      assert.equal(stdout, '', words.join(' '));
    }
    const denied = await stage.events('--type', 'session.denied');
    assert.ok(denied.length >= 5, `${denied.length} denials are on the log`);
  });

  test('S-08 a patch is validated in its window, by two who agreed and with a yes on site; its end is the end', async () => {
    await writeFile(join(stage.stateDir(), 'agent.yaml'), 'consent: required\n', { mode: 0o600 });
    stage.agent?.child.kill('SIGHUP');
    await until('the rules were read', () => stage.agent?.stderr.includes('the rules were read again'));
    const patch = ['exec', stage.device, '--', 'sh', '-c', 'echo patched; sleep 600'];
    const early = await stage.ana(...patch);
    assert.equal(early.code, 77);
    assert.match(early.stderr, /2 approvals and an open access window/);

    // Open since 30 s, and for as long again.
    const start = new Date(Date.now() - 30_000).toISOString().replace(/[-:]|\.\d+/g, '');
    const window = [
      'windows',
      'add',
      'patch',
      '--device',
      stage.device,
      '--for',
      '1m',
      '--rule',
      `DTSTART:${start}`,
    ];
    must(await stage.admin(...window), window);
    const closesAt = Date.now() + 30_000;
    assert.equal((await stage.ana(...patch)).code, 77, 'a window is not an approval');
    const words = [
      'request',
      stage.device,
      '--for',
      '30m',
      '--reason',
      'patch 7',
      '--kind',
      'exec',
      '--json',
    ];
    const { id } = JSON.parse(must(await stage.ana(...words), words)) as { readonly id: string };
    must(await as('bo', 'approve', id, '--yes'), ['approve']);
    assert.equal((await stage.ana(...patch)).code, 77, 'one is not two');
    must(await as('cy', 'approve', id, '--yes'), ['approve']);

    const running = stage.start(patch, stage.surroundings('ana'));
    running.child.stdin.end();
    await running.prints(/waiting for consent on/);
    assert.equal(running.stdout, '');
    const status = ['agent', 'status', '--state', stage.stateDir(), '--json'];
    const { running: agent } = JSON.parse(
      must(await stage.run(status, stage.surroundings('device')), status),
    ) as {
      readonly running: { readonly waiting: readonly { readonly session: string; readonly name: string }[] };
    };
    assert.equal(agent.waiting[0]?.name, 'ana');
    const allow = ['agent', 'allow', '--state', stage.stateDir(), '--session', agent.waiting[0].session];
    must(await stage.run(allow, stage.surroundings('device')), allow);
    await running.prints(/patched/);
    const { code, stderr } = await running.finished();
    assert.equal(code, 255);
    assert.match(stderr, /session ended: .*window/);
    assert.ok(Math.abs(Date.now() - closesAt) < 5_000, `${Date.now() - closesAt} ms after its end`);
    await until('nothing of it runs', () => stage.onDevice().length === 0);
    const [ended] = await stage.events('--type', 'session.ended', '--session', agent.waiting[0].session);
    assert.equal(ended?.code ?? ended?.body?.['reason'], 'window');
    must(await stage.admin('audit', 'verify'), ['audit', 'verify']);
  });
});
