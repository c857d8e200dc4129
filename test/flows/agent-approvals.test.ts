// A device that looks at approvals itself, on the real agent: every pass here is good, signed by the authority's own
// key, so that what is refused is refused to a gate and to an authority that were both taken over.

import { test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPublicKey } from 'node:crypto';
import { raiseSet } from '../../src/agent/approvals/pinned-set.ts';
import { runAgent } from '../../src/agent/agent.ts';
import { pinApprovers, pinnedApprovers } from '../../src/agent/approvals/on-site.ts';
import type { ApproverSet } from '../../src/core/approver-set.ts';
import type { ChannelParams } from '../../src/core/channel.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { ApprovalProof } from '../../src/core/request.ts';
import { readProblem } from '../../src/link/client-session.ts';
import { silentLog } from '../../src/platform/log.ts';
import { spkiThumbprint } from '../../src/wire/signed.ts';
import { converse } from '../doubles/agent-channel.ts';
import {
  exec,
  sessionName,
  startAgentWorld,
  type AgentWorld,
  type GateLink,
  type RunningAgent,
} from '../doubles/agent-world.ts';
import { Approver, approverSet, evidence, unsigned } from '../doubles/approvers.ts';

const requester = 'idn_ana';

interface ApprovalWorld {
  readonly world: AgentWorld;
  readonly agent: RunningAgent;
  readonly link: GateLink;
  readonly content: (changes?: JsonObject) => JsonObject;
  /** "opened", or the code of the refusal. */
  readonly opens: (header: string | undefined, how?: How) => Promise<string>;
  readonly reload: () => void;
}

interface How {
  readonly session?: string;
  readonly params?: ChannelParams;
  readonly pass?: JsonObject;
}

async function startWorld(
  t: TestContext,
  { rules = 'approvals: verify', set }: { readonly rules?: string; readonly set?: ApproverSet },
): Promise<ApprovalWorld> {
  const world = await startAgentWorld();
  t.after(() => world.close());
  await writeFile(join(world.stateDir, 'agent.yaml'), `${rules}\n`, { mode: 0o600 });
  if (set !== undefined) await pinApprovers(unsigned(set), { state: world.stateDir });
  let reload = (): void => undefined;
  const agent = world.start({ useCgroups: false, onReload: (run) => void (reload = run) });
  const link = await world.nextLink();
  await link.welcome();
  const cnf = spkiThumbprint(createPublicKey(world.operator));
  let asked = 0;
  return {
    world,
    agent,
    link,
    reload: () => reload(),
    content: (changes = {}) => ({
      request: `req_${(asked += 1)}`,
      device: world.state.deviceId,
      requester: { id: requester, name: 'ana', kind: 'human' },
      cnf,
      target: 'pump-7',
      actions: ['exec', 'shell'],
      uses: 1,
      startAt: Date.now() - 1_000,
      usableUntil: Date.now() + 60_000,
      forMs: 60_000,
      nonce: 'n',
      ...changes,
    }),
    opens: async (header, { session = sessionName(), params = exec('true'), pass = {} } = {}) => {
      const answer = await link.open(params, {
        session,
        pass: { identity: requester, ...pass },
        ...(header === undefined ? {} : { headers: { 'sallyport-approval': header } }),
      });
      if (answer.status !== 200) return (await readProblem(answer)).code;
      assert.deepEqual((await (await converse(answer)).ended).exit, { code: 0 });
      return 'opened';
    },
  };
}

test('R-041 a pinned approver lets it in, by passkey or by key, once, for one session', async (t) => {
  const bo = new Approver('bo');
  const { content, opens } = await startWorld(t, { set: approverSet([bo]) });
  const asked = content();
  const session = sessionName();
  const header = evidence(asked, [bo.byPasskey(asked)]);
  assert.equal(await opens(header, { session }), 'opened');
  assert.equal(await opens(header, { session }), 'opened', 'the same session shows it again');
  assert.equal(await opens(header), 'approval_used');
  const other = content();
  assert.equal(await opens(evidence(other, [bo.byKey(other)])), 'opened');
});

test('I16 a session that has ended is not opened again under its id, on this link or on the next', async (t) => {
  const bo = new Approver('bo');
  const { world, link, content, opens } = await startWorld(t, { set: approverSet([bo]) });
  const asked = content({ forMs: 400 });
  const session = sessionName();
  const header = evidence(asked, [bo.byPasskey(asked)]);
  const answer = await link.open(exec('sleep', '20'), {
    session,
    pass: { identity: requester },
    headers: { 'sallyport-approval': header },
  });
  await (
    await converse(answer)
  ).ended;
  await world.nextTold('/v1/device/receipts');
  // Even once the authority says that it knows of the end.
  await link.lease([]);
  assert.equal(await opens(header, { session }), 'approval_used');
  const second = content();
  const other = sessionName();
  const proof = evidence(second, [bo.byPasskey(second)]);
  assert.equal(await opens(proof, { session: other }), 'opened');
  link.client.abort(new Error('the link is lost'));
  const next = await world.nextLink();
  await next.welcome();
  const elsewhere = await next.open(exec('true'), {
    session: other,
    pass: { identity: requester },
    headers: { 'sallyport-approval': proof },
  });
  assert.equal((await readProblem(elsewhere)).code, 'approval_used');
});

test('I1 what is not exactly an approval by a pinned passkey is refused, each with its code', async (t) => {
  const bo = new Approver('bo');
  const stranger = new Approver('eve');
  const { content, opens } = await startWorld(t, { set: approverSet([bo]) });
  const asked = content();
  const with_ = async (twist: Parameters<Approver['byPasskey']>[1]): Promise<string> =>
    await opens(evidence(asked, [bo.byPasskey(asked, twist)]));
  assert.equal(await opens(undefined), 'approval_missing');
  assert.equal(await opens('AA'), 'approval_malformed');
  assert.equal(await with_({ origin: 'https://gate.example.com.evil.example' }), 'approval_signature');
  assert.equal(await with_({ rpId: 'example.com' }), 'approval_signature');
  assert.equal(await with_({ type: 'webauthn.create' }), 'approval_signature');
  assert.equal(await with_({ crossOrigin: true }), 'approval_signature');
  assert.equal(await with_({ flags: 0x04 }), 'approval_signature', 'nobody was present');
  assert.equal(await with_({ flags: 0x01 }), 'approval_signature', 'nobody was verified');
  assert.equal(await with_({ challenge: 'AAAA' }), 'approval_signature');
  const other = content({ forMs: 1 });
  assert.equal(await opens(evidence(asked, [bo.byPasskey(other)])), 'approval_signature');
  assert.equal(await opens(evidence(asked, [bo.byKey(other)])), 'approval_signature');
  assert.equal(await opens(evidence(asked, [bo.byKey(asked, { request: 'req_0' })])), 'approval_signature');
  assert.equal(await opens(evidence(asked, [stranger.byPasskey(asked)])), 'approval_quorum');
  assert.equal(await opens(evidence(asked, [stranger.byKey(asked)])), 'approval_quorum');
  assert.equal(await opens(evidence(asked, [])), 'approval_quorum');
  const asStranger = bo.byPasskey(asked) as { readonly assertion: string };
  const renamed = asStranger.assertion.replace(bo.person.passkeys[0]?.id ?? '', 'x'.repeat(43));
  assert.equal(await opens(evidence(asked, [{ assertion: renamed }])), 'approval_quorum');
  assert.equal(await opens(evidence(asked, [bo.byPasskey(asked)])), 'opened', 'and what is one is not');
});

test('I6 a quorum is distinct pinned persons, and never the one who asks', async (t) => {
  const [bo, cy] = [new Approver('bo'), new Approver('cy')];
  const ana = new Approver('ana');
  const { content, opens } = await startWorld(t, { set: approverSet([bo, cy, ana], { threshold: 2 }) });
  const asked = content();
  const both: readonly ApprovalProof[] = [bo.byPasskey(asked), bo.byKey(asked), bo.byPasskey(asked)];
  assert.equal(await opens(evidence(asked, both)), 'approval_quorum', 'one person three times');
  assert.equal(await opens(evidence(asked, [bo.byKey(asked), ana.byPasskey(asked)])), 'approval_quorum');
  assert.equal(await opens(evidence(asked, [bo.byKey(asked), cy.byPasskey(asked)])), 'opened');
});

test('I6 whoever asks does not approve by that very key, whatever the broker calls him', async (t) => {
  const bo = new Approver('bo');
  const { world, content, opens, reload } = await startWorld(t, { rules: 'approvals: off' });
  const publicKey = createPublicKey(world.operator);
  const alias = new Approver('alias', { privateKey: world.operator, publicKey });
  const set = unsigned(approverSet([bo, alias], { threshold: 2 }));
  await pinApprovers(set, { state: world.stateDir });
  await writeFile(join(world.stateDir, 'agent.yaml'), 'approvals: verify\n');
  assert.deepEqual(await world.nextTold('/v1/device/approvers'), { check: 'off', version: 1 });
  reload();
  assert.deepEqual(await world.nextTold('/v1/device/approvers'), { check: 'verify', version: 1 });
  const asked = content();
  assert.equal(alias.thumbprint, asked['cnf']);
  assert.equal(await opens(evidence(asked, [bo.byKey(asked), alias.byKey(asked)])), 'approval_quorum');
  assert.equal(await opens(evidence(asked, [bo.byKey(asked), alias.byPasskey(asked)])), 'approval_quorum');
});

test('I6 verify+cli wants both of each person', async (t) => {
  const bo = new Approver('bo');
  const { content, opens } = await startWorld(t, {
    rules: 'approvals: verify+cli',
    set: approverSet([bo]),
  });
  const asked = content();
  assert.equal(await opens(evidence(asked, [bo.byPasskey(asked)])), 'approval_quorum');
  assert.equal(await opens(evidence(asked, [bo.byKey(asked)])), 'approval_quorum');
  assert.equal(await opens(evidence(asked, [bo.byKey(asked), bo.byPasskey(asked)])), 'opened');
});

test('I6 I7 an approved request is for one device, person, key, target, kind and time', async (t) => {
  const bo = new Approver('bo');
  const { content, opens } = await startWorld(t, { set: approverSet([bo]) });
  const tries = async (changes: JsonObject, how?: How): Promise<string> => {
    const asked = content(changes);
    return await opens(evidence(asked, [bo.byPasskey(asked)]), how);
  };
  assert.equal(await tries({ device: 'dev_other' }), 'approval_scope');
  assert.equal(await tries({ requester: { id: 'idn_eve' } }), 'approval_scope');
  assert.equal(await tries({ cnf: 'x'.repeat(43) }), 'approval_scope');
  assert.equal(await tries({ target: 'pump-8' }), 'approval_scope');
  assert.equal(await tries({ target: 'pump-7/db' }), 'approval_scope');
  assert.equal(await tries({ actions: ['shell'] }), 'approval_scope');
  assert.equal(await tries({ commands: [['reboot'], ['true', 'x']] }), 'approval_scope');
  const shell = { kind: 'shell', pty: { term: 'xterm', cols: 80, rows: 24 }, env: {} } as const;
  assert.equal(
    await tries({ commands: [['true']] }, { params: shell }),
    'approval_scope',
    'it runs anything',
  );
  assert.equal(await tries({ commands: ['true'] }), 'approval_malformed');
  assert.equal(await tries({ paths: '/etc' }), 'approval_malformed');
  assert.equal(await tries({ commands: [['reboot'], ['true']], paths: ['/etc'] }), 'opened');
  assert.equal(await tries({ uses: 2 }), 'approval_malformed');
  assert.equal(await tries({ startAt: Date.now() + 60_000 }), 'approval_expired');
  assert.equal(await tries({ usableUntil: Date.now() - 1 }), 'approval_expired');
  assert.equal(await tries({ requester: 'idn_ana' }), 'approval_malformed');
  const asked = content();
  const loose = Buffer.from(
    JSON.stringify({ content: JSON.stringify(asked, null, 1), approvals: [bo.byPasskey(asked)] }),
  ).toString('base64url');
  assert.equal(await opens(loose), 'approval_malformed', 'not the one text that has this hash');
  const counted = content();
  assert.equal(await opens(evidence(counted, [bo.byPasskey(counted, { counter: 900 })])), 'opened');
  const again = content();
  assert.equal(await opens(evidence(again, [bo.byPasskey(again, { counter: 900 })])), 'approval_used');
});

test('I7 what was approved for a minute ends after it, whatever the pass says', async (t) => {
  const bo = new Approver('bo');
  const { link, content } = await startWorld(t, { set: approverSet([bo]) });
  const asked = content({ forMs: 700 });
  const began = performance.now();
  const answer = await link.open(exec('sleep', '20'), {
    pass: { identity: requester },
    headers: { 'sallyport-approval': evidence(asked, [bo.byPasskey(asked)]) },
  });
  assert.equal(answer.status, 200);
  const { ended } = await converse(answer);
  assert.equal((await ended).exit, undefined);
  const ms = performance.now() - began;
  assert.ok(ms > 500 && ms < 5_000, `${ms} ms`);
});

test('a use is on the disk before the first byte, and a new agent knows of it', async (t) => {
  const bo = new Approver('bo');
  const { world, agent, link, content } = await startWorld(t, { set: approverSet([bo]) });
  const asked = content();
  const how = {
    pass: { identity: requester },
    headers: { 'sallyport-approval': evidence(asked, [bo.byPasskey(asked)]) },
  };
  const file = join(world.stateDir, 'used-requests.json');
  const channel = await converse(await link.open(exec('cat', file), how));
  assert.match((await channel.ended).out, /"usableUntil"/);
  await agent.stop();

  const next = world.start({ useCgroups: false });
  const newer = await world.nextLink();
  await newer.welcome();
  assert.equal((await readProblem(await newer.open(exec('true'), how))).code, 'approval_used');
  await next.stop();
  await writeFile(file, '{"format":1', { mode: 0o600 });
  await assert.rejects(
    runAgent({ state: world.stateDir, version: '0', signal: AbortSignal.abort(), log: silentLog }),
    /which approvals were used is not known/,
  );
});

test('without a pinned set, or with one that expired, nobody gets in', async (t) => {
  const bo = new Approver('bo');
  const none = await startWorld(t, {});
  const asked = none.content();
  assert.equal(await none.opens(evidence(asked, [bo.byPasskey(asked)])), 'approvers_missing');
  const old = await startWorld(t, { set: approverSet([bo], { expiresAt: Date.now() - 1 }) });
  const then = old.content();
  assert.equal(await old.opens(evidence(then, [bo.byPasskey(then)])), 'approvers_expired');
});

test('a set follows by the yes of the pinned one, never by less, never to a lower version', async (t) => {
  const [bo, cy, eve] = [new Approver('bo'), new Approver('cy'), new Approver('eve')];
  const first = approverSet([bo, cy], { version: 3, threshold: 2 });
  const taken = approverSet([eve], { version: 4 });
  const second = approverSet([cy], { version: 5 });
  const offers = [
    { set: taken, signatures: [bo.setByKey(taken)] },
    { set: taken, signatures: [bo.setByKey(taken), bo.setByPasskey(taken)] },
    { set: taken, signatures: [bo.setByKey(second), cy.setByPasskey(second)] },
    { set: taken, signatures: [eve.setByKey(taken), eve.setByPasskey(taken)] },
    { set: { ...second, version: 2 }, signatures: [] },
  ];
  const world = await startAgentWorld();
  t.after(() => world.close());
  await writeFile(join(world.stateDir, 'agent.yaml'), 'approvals: verify\n', { mode: 0o600 });
  await pinApprovers(unsigned(first), { state: world.stateDir });
  let sets: readonly object[] = offers;
  world.answer.api = () => ({ status: 200, body: { sets } });
  const agent = world.start({ useCgroups: false });
  await (await world.nextLink()).welcome();
  assert.deepEqual(await world.nextTold('/v1/device/approvers'), { check: 'verify', version: 3 });
  assert.equal((await pinnedApprovers(world.stateDir))?.version, 3);
  await agent.stop();

  sets = [...offers, { set: second, signatures: [bo.setByKey(second), cy.setByPasskey(second)] }];
  world.start({ useCgroups: false });
  await (await world.nextLink()).welcome();
  await world.nextTold('/v1/device/approvers');
  assert.deepEqual(await world.nextTold('/v1/device/approvers'), { check: 'verify', version: 5 });
  assert.deepEqual(await pinnedApprovers(world.stateDir), second);
  await assert.rejects(
    pinApprovers(unsigned(taken), { state: world.stateDir }),
    /version 5 .* is pinned already/,
  );
  const lower = { set: taken, signatures: [cy.setByKey(taken), cy.setByPasskey(taken)] };
  assert.equal((await raiseSet(world.stateDir, second, lower, Date.now())).ok, false);
});

test('who is in on the word of somebody who was removed is cut when the next set is pinned', async (t) => {
  const [bo, cy] = [new Approver('bo'), new Approver('cy')];
  const { world, link, content } = await startWorld(t, { set: approverSet([bo, cy]) });
  const live = async (by: Approver) => {
    const asked = content();
    const answer = await link.open(exec('sleep', '20'), {
      pass: { identity: requester },
      headers: { 'sallyport-approval': evidence(asked, [by.byPasskey(asked)]) },
    });
    return await converse(answer);
  };
  const [byBo, byCy] = [await live(bo), await live(cy)];
  await pinApprovers(unsigned(approverSet([cy], { version: 2 })), { state: world.stateDir });
  assert.equal((await byBo.ended).exit, undefined);
  let isOver = false;
  void byCy.ended.then(() => (isOver = true));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(isOver, false);
});

test('new rules that want approvals end who is in without', async (t) => {
  const bo = new Approver('bo');
  const { world, link, reload, opens } = await startWorld(t, {
    rules: 'approvals: off',
    set: approverSet([bo]),
  });
  assert.equal(await opens(undefined), 'opened', 'the broker decides alone');
  const answer = await link.open(exec('sleep', '20'), { pass: { identity: requester } });
  const { ended } = await converse(answer);
  await writeFile(join(world.stateDir, 'agent.yaml'), 'approvals: verify\n');
  reload();
  assert.equal((await ended).exit, undefined);
  assert.match(await readFile(join(world.stateDir, 'approvers.json'), 'utf8'), /"version": 1/);
});
