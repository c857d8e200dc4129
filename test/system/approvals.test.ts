// Access that others approve, with the real command line of three people: asked for, approved, used up, and cut when
// an approval is taken back.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { entry, until, type Ran } from './program.ts';
import { must, Stage } from './stage.ts';
import { Terminal, whyNoTerminal } from './terminal.ts';

const policy = `
@id("see") permit (principal in Role::"operator", action == Action::"discover", resource);
@id("work") @maxSession("1h") @approvers("2")
permit (principal in Role::"operator", action in [Action::"shell", Action::"exec"], resource);
@id("approve") permit (principal in Role::"approver", action == Action::"approve", resource);
`;

interface Filed {
  readonly id: string;
  readonly state: string;
  readonly approvers: readonly string[];
}

suite('approvals', () => {
  let stage: Stage;

  before(async () => {
    stage = await Stage.ready();
    await stage.applyPolicy(policy);
    for (const name of ['bo', 'cy'] as const) await stage.signInApprover(name);
  });
  after(async () => {
    await stage?.close();
  });

  async function as(name: 'ana' | 'bo' | 'cy', ...words: readonly string[]): Promise<Ran> {
    return await stage.run(words, stage.surroundings(name));
  }

  async function approved(): Promise<string> {
    const words = [
      'request',
      stage.device,
      '--for',
      '10m',
      '--reason',
      'valve',
      '--ticket',
      'CHG-4711',
      '--json',
    ];
    const { id } = JSON.parse(must(await as('ana', ...words), words)) as Filed;
    for (const name of ['bo', 'cy'] as const) must(await as(name, 'approve', id, '--yes'), ['approve']);
    return id;
  }

  test('R-041 I6 refused, asked for, not approved by oneself, approved by two, good once', async () => {
    const exec = ['exec', stage.device, '--', 'echo', 'in'];
    const refused = await as('ana', ...exec);
    assert.equal(refused.code, 77);
    assert.match(
      refused.stderr,
      /to exec on "\S+" you need 2 approvals\nnext: ask for it: sallyport request/,
    );

    const words = ['request', stage.device, '--for', '10m', '--reason', 'valve', '--wait', '--json'];
    const waiting = stage.start(words, stage.surroundings('ana'));
    waiting.child.stdin.end();
    const [filed] = await until('bo sees it', async () => {
      const seen = JSON.parse((await as('bo', 'requests', 'ls', '--waiting', '--json')).stdout) as Filed[];
      return seen.length === 1 ? seen : undefined;
    });
    const id = filed?.id ?? '';
    const own = await as('ana', 'approve', id, '--yes');
    assert.equal(own.code, 77);
    assert.match(own.stderr, /nobody approves what he asked for himself/);
    const unasked = await as('bo', 'approve', id);
    assert.equal(unasked.code, 2, 'without a terminal it asks for --yes');
    const shown = must(await as('bo', 'approve', id, '--yes'), ['approve']);
    assert.match(shown, /who +ana \(human\)\non +pump-\S+\nwhat +shell, exec\nfor +10m, once\n/);
    assert.match(shown, /waits for 1 of 2/);
    must(await as('cy', 'approve', id, '--yes'), ['approve']);
    const { code, stdout } = await waiting.finished();
    assert.equal(code, 0);
    assert.equal((JSON.parse(stdout) as Filed).state, 'approved');

    assert.equal((await as('ana', ...exec)).stdout, 'in\n');
    assert.equal((await as('ana', ...exec)).code, 77, 'it is used up');
    must(await stage.admin('audit', 'verify'), ['audit', 'verify']);
    assert.equal((await stage.events('--type', 'request.approved')).length, 2);
  });

  test('I7 an approver who takes it back cuts the session within a second, and the words say so', async () => {
    const id = await approved();
    const stream = stage.start(
      ['exec', stage.device, '--', 'sh', '-c', 'while :; do echo tick; sleep 0.05; done'],
      stage.surroundings('ana'),
    );
    await stream.prints(/tick/);
    const denied = await as('bo', 'deny', id, '--reason', 'wrong pump');
    const told = performance.now();
    must(denied, ['deny']);
    assert.match(denied.stdout, /state +withdrawn/);
    const { code, stderr } = await stream.finished();
    assert.ok(performance.now() - told < 1_000, `${Math.round(performance.now() - told)} ms`);
    assert.equal(code, 255);
    assert.match(stderr, /session ended: an approval was withdrawn.*wrong pump/);
    await until('nothing of it runs', () => stage.onDevice().length === 0);
  });

  test('I6 an approver who is locked takes his approvals with him', async () => {
    await approved();
    must(await stage.admin('lock', 'add', '--identity', 'cy', '--reason', 'left'), ['lock']);
    assert.equal((await as('ana', 'exec', stage.device, '--', 'true')).code, 77);
    const [lock] = (await stage.adminJson('locks', 'ls')) as readonly { readonly id: string }[];
    must(await stage.admin('unlock', lock?.id ?? ''), ['unlock']);
    assert.equal((await as('ana', 'exec', stage.device, '--', 'true')).code, 0);
  });

  test('in a terminal, shell offers to ask, waits, and goes on', async (t) => {
    const why = await whyNoTerminal();
    if (why !== undefined) return t.skip(why);
    const { env } = stage.surroundings('ana');
    const terminal = await Terminal.open({ folder: stage.folder, cols: 100, rows: 30, env: { ...env } });
    try {
      await terminal.enters(`'${process.execPath}' '${entry}' shell ${stage.device}`);
      await terminal.shows(/say why \(empty: no\): $/m);
      await terminal.enters('night work');
      await terminal.shows(/req_\w+ waits for 2 of: bo, cy/);
      const [filed] = JSON.parse((await as('bo', 'requests', 'ls', '--waiting', '--json')).stdout) as Filed[];
      for (const name of ['bo', 'cy'] as const)
        must(await as(name, 'approve', filed?.id ?? '', '-y'), ['approve']);
      await terminal.shows(/[#$] $/m);
      await terminal.enters('echo in-$SALLYPORT_TARGET');
      await terminal.shows(new RegExp(`in-${stage.device}`));
      await terminal.enters('exit 3');
    } finally {
      await terminal.close();
    }
  });
});
