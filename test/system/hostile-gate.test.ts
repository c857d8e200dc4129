// What a gate that was taken over can do: nothing that opens, and no more than 30 s of what is open. A real
// authority, a real agent and real operators, with a gate between them that a test controls.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { parseBrokerConfig } from '../../src/core/broker-config.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { ApprovalProof } from '../../src/core/request.ts';
import { encodeEvidence } from '../../src/wire/approval.ts';
import { Approver } from '../doubles/approvers.ts';
import { generateP256, spkiOf } from '../../src/platform/keys.ts';
import { keyId, signStatement, verifyStatement } from '../../src/wire/signed.ts';
import { HostileGate, type Seen } from '../doubles/hostile-gate.ts';
import { createPublicKey } from 'node:crypto';
import { type Program, until } from './program.ts';
import { must, sitePolicy, Stage } from './stage.ts';

suite('a hostile gate', () => {
  let stage: Stage;
  let gate: HostileGate;

  before(async () => {
    stage = await Stage.open();
    const [runDir, port] = [join(stage.dataDir, 'run'), Number(stage.address.split(':')[1])];
    await mkdir(stage.dataDir, { mode: 0o700 });
    await mkdir(runDir, { mode: 0o700 });
    const config = JSON.stringify(parseBrokerConfig({ name: 'localhost', listen: `127.0.0.1:${port}` }));
    const authority = stage.start(
      ['broker', 'authority', '--data', stage.dataDir, '--run-dir', runDir, '--config', config],
      stage.surroundings('broker'),
      { isPart: true },
    );
    const told = (await authority.told) as { readonly ready: { readonly invite: string } };
    gate = await HostileGate.start({ runDir, port });
    await stage.signInPeople(told.ready.invite);
    await stage.joinDevice();
    await stage.startAgent();
    await stage.applyPolicy(sitePolicy);
  });

  after(async () => {
    for (const program of stage.programs.toReversed()) {
      if (program.words[0] !== 'broker') await program.end();
    }
    gate?.abort();
    await stage?.close();
  });

  interface Live extends Seen {
    readonly program: Program;
    readonly open: string;
    readonly params: string;
    readonly pass: string;
  }

  /** A session that lives, with everything that the gate saw of it. */
  async function openSession(): Promise<Live> {
    const words = ['exec', stage.device, '--', 'sh', '-c', 'while :; do echo tick; sleep 0.05; done'];
    const program = stage.start(words, stage.surroundings('ana'));
    await program.prints(/tick/);
    const seen = gate.seen.at(-1);
    assert.ok(seen !== undefined);
    const { open, params } = seen.asked;
    return { ...seen, program, open, params, pass: seen.accepted.pass };
  }

  async function lockAna(): Promise<{ readonly id: string; readonly at: number }> {
    const words = ['lock', 'add', '--identity', 'ana', '--reason', 'taken over'];
    const { lock } = (await stage.adminJson(...words)) as { lock: { id: string } };
    return { id: lock.id, at: performance.now() };
  }

  /** When the last process of the session on the device ended, in ms since `since`. */
  async function untilCutOnDevice(since: number, withinMs: number): Promise<number> {
    await until('the session is dead on the device', () => stage.onDevice().length === 0, withinMs);
    return Math.round(performance.now() - since);
  }

  test('L7 it cannot add a channel to a live session, change it, or use anything twice', async (t) => {
    const live = await openSession();
    const { pass, open, params } = live;
    const changed = params.replace('echo tick', 'echo mine');
    assert.notEqual(changed, params);
    const refusals = {
      'without a signature of the operator': await gate.demand({ pass, params }),
      'signed by a key of its own': await gate.demand({ pass, params, open: forge(open) }),
      'other argv under the same pass': await gate.demand({ pass, open, params: changed }),
      'as another kind': await gate.demand({ pass, open, params, kind: 'shell' }),
      'with a pass that was edited': await gate.demand({ pass: edit(pass), open, params }),
      'the accepted open once more': await gate.demand({ pass, open, params }),
      'a pass of its own, begged from the authority': await gate.beg({
        ...live.asked,
        open: forge(open, { n: 2 }),
      }),
    };
    for (const [what, code] of Object.entries(refusals)) t.diagnostic(`${what}: ${code}`);
    assert.deepEqual(Object.values(refusals), [
      'open_missing',
      'open_signature',
      'pass_params',
      'pass_kind',
      'pass_signature',
      'pass_replayed',
      'open_signature',
    ]);
    const seen = live.program.stdout.length;
    await until('the session itself goes on', () => live.program.stdout.length > seen);
    await live.program.end();
  });

  test('L7 a pass is worth nothing on another link', async (t) => {
    const live = await openSession();
    const before = gate.link?.id;
    gate.dropLink();
    await until('the device is back on a new link', () => gate.link !== undefined && gate.link.id !== before);
    const code = await gate.demand(live);
    t.diagnostic(`moved to another link: ${code}`);
    assert.equal(code, 'pass_link');
    assert.equal((await live.program.exited).code, 255);
    await stage.untilOnline();
  });

  test('a lock whose cut it withholds holds at the next lease', async (t) => {
    await openSession();
    gate.withholds = new Set(['cut']);
    const lock = await lockAna();
    const ms = await untilCutOnDevice(lock.at, 12_000);
    t.diagnostic(`cut withheld, leases delivered: dead on the device within ${ms} ms`);
    assert.ok(gate.withheld.some((order) => order.type === 'cut'));
    assert.ok(ms < 5_000, `it took ${ms} ms`);
    gate.withholds = new Set();
    must(await stage.admin('unlock', lock.id), ['unlock']);
  });

  test('a lock of which it withholds everything holds after 30 s at most', async (t) => {
    const live = await openSession();
    gate.withholds = new Set(['cut', 'lease', 'closeLink']);
    const lock = await lockAna();
    const seen = live.program.stdout.length;
    await until('the stream still flows: it is really withheld', () => live.program.stdout.length > seen);
    const ms = await untilCutOnDevice(lock.at, 40_000);
    t.diagnostic(`everything withheld: dead on the device after ${ms} ms`);
    assert.ok(ms <= 30_500, `it took ${ms} ms`);
    assert.ok(gate.withheld.some((order) => order.type === 'lease'));
    assert.equal((await live.program.exited).code, 255);
    const code = await gate.demand(live);
    t.diagnostic(`the dead session's pass: ${code}`);
    assert.notEqual(code, 'opened');
    gate.withholds = new Set();
    must(await stage.admin('unlock', lock.id), ['unlock']);
  });

  test('I1 I6 R-041 it cannot make an approval up for a device that looks at them itself', async (t) => {
    const as = async (who: 'ana' | 'bo', ...words: readonly string[]) =>
      must(await stage.run(words, stage.surroundings(who)), words);
    const add = ['identities', 'add', 'bo', '--role', 'approver'];
    const { token } = (await stage.adminJson(...add)) as { readonly token: string };
    await as('bo', 'login', stage.address, '--invite', token);
    await as('bo', 'approvers', 'key');
    must(await stage.admin('approvers', 'set', 'bo', '--threshold', '1'), ['approvers', 'set']);
    const file = join(stage.folder, 'approvers.json');
    must(await stage.admin('approvers', 'export', '--to', file), ['approvers', 'export']);
    await writeFile(join(stage.stateDir(), 'agent.yaml'), 'approvals: verify\n', { mode: 0o600 });
    const pin = ['agent', 'pin-approvers', file, '--yes', '--state', stage.stateDir()];
    must(await stage.run(pin, stage.surroundings('device')), pin);
    process.kill(stage.agent?.child.pid ?? 0, 'SIGHUP');
    await until('the broker knows', async () => {
      const device = (await stage.adminJson('devices', 'show', stage.device)) as {
        readonly approvals?: { readonly version?: number };
      };
      return device.approvals?.version === 1;
    });
    await stage.applyPolicy(
      `${sitePolicy}\npermit (principal in Role::"approver", action == Action::"approve", resource);`,
    );

    const exec = ['exec', stage.device, '--', 'echo', 'in'];
    const refused = await stage.run(exec, stage.surroundings('ana'));
    assert.equal(refused.code, 77);
    assert.match(
      refused.stderr,
      /looks at approvals itself: to exec on "\S+" you need an approval\nnext: ask/,
    );

    const approved = async (): Promise<string> => {
      const words = ['request', stage.device, '--for', '10m', '--reason', 'valve', '--json'];
      const { id } = JSON.parse(await as('ana', ...words)) as { readonly id: string };
      await as('bo', 'approve', id, '--yes');
      return id;
    };
    const first = await approved();
    const ran = await stage.run(exec, stage.surroundings('ana'));
    assert.equal(ran.stdout, 'in\n', ran.stderr);
    const old = gate.seen.at(-1)?.accepted.approval ?? '';
    assert.ok(old.length > 0);

    const codes: string[] = [];
    /** The authority says yes to a session that was really approved; the gate shows the agent something else. */
    const shows = async (what: string, approval: (real: string) => string | undefined, code: string) => {
      await approved();
      gate.tampers = ({ approval: real = '', ...accepted }) => {
        const shown = approval(real);
        return shown === undefined ? accepted : { ...accepted, approval: shown };
      };
      const { stderr, code: exit } = await stage.run(
        [...exec.slice(0, 2), '--json', ...exec.slice(2)],
        stage.surroundings('ana'),
      );
      gate.tampers = (accepted) => accepted;
      t.diagnostic(`${what}: ${code}`);
      assert.equal(exit, 255, stderr);
      assert.ok(stderr.includes(`"${code}"`), `${what}: ${stderr}`);
      codes.push(code);
    };
    await shows('none at all', () => undefined, 'approval_missing');
    await shows('the one of an earlier session', () => old, 'approval_used');
    await shows(
      'the real one, for longer',
      (real) => edited(real, '"forMs":600000', '"forMs":900000'),
      'approval_signature',
    );
    await shows(
      'the real one, as another request',
      (real) => edited(real, contentIn(real)['request'] as string, first),
      'approval_signature',
    );
    await shows('the request alone', (real) => withApprovals(real, []), 'approval_quorum');
    const forger = new Approver('bo');
    await shows(
      'signed by a key of its own',
      (real) => withApprovals(real, [forger.byKey(contentIn(real)), forger.byPasskey(contentIn(real))]),
      'approval_quorum',
    );
    await shows('nonsense', () => 'AAAA', 'approval_malformed');
    assert.equal(new Set(codes).size, 5);
    assert.equal(stage.onDevice().length, 0, 'nothing was started');

    must(await stage.admin('audit', 'verify'), ['audit', 'verify']);
  });
});

/** The same open, signed by another key; it shows that key, as a forger would. */
function forge(open: string, changes: JsonObject = {}): string {
  const key = generateP256();
  const payload = JSON.parse(Buffer.from(open.split('.')[0] ?? '', 'base64url').toString()) as JsonObject;
  const spki = spkiOf(key.publicKey).toString('base64url');
  const signer = { kid: keyId(key.publicKey), privateKey: key.privateKey };
  const forged = signStatement('open', { ...payload, ...changes, spki }, signer);
  const shown = createPublicKey({ key: Buffer.from(spki, 'base64url'), format: 'der', type: 'spki' });
  assert.ok(verifyStatement('open', forged, () => shown).ok, 'the forgery is well made');
  return forged;
}

/** A pass that ends later, under the signature of the one that it was. */
function edit(pass: string): string {
  const [payload = '', signature = ''] = pass.split('.');
  const fields = JSON.parse(Buffer.from(payload, 'base64url').toString()) as JsonObject;
  const later = { ...fields, mustEndAt: Number(fields['mustEndAt']) + 1 };
  return `${Buffer.from(JSON.stringify(later)).toString('base64url')}.${signature}`;
}

interface Brought {
  readonly content: string;
  readonly approvals: readonly ApprovalProof[];
}

function broughtIn(header: string): Brought {
  return JSON.parse(Buffer.from(header, 'base64url').toString()) as Brought;
}

function contentIn(header: string): JsonObject {
  return JSON.parse(broughtIn(header).content) as JsonObject;
}

function withApprovals(header: string, approvals: readonly ApprovalProof[]): string {
  return encodeEvidence({ content: broughtIn(header).content, approvals });
}

/** The request changed, under the signatures of the one that it was. */
function edited(header: string, from: string, to: string): string {
  const { content, approvals } = broughtIn(header);
  assert.ok(content.includes(from));
  return encodeEvidence({ content: content.replace(from, to), approvals });
}
