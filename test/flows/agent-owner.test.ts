// What the owner of a device allows, on the real agent: every pass here is good, and what he refuses is
// refused all the same, in words that name him, with nothing started. The gate and the operator are hostile.

import { test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { access, chmod, mkdtemp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { runAgent, type RunAgentOptions } from '../../src/agent/agent.ts';
import { orderConsent, orderCut } from '../../src/agent/owner/order-agent.ts';
import { agentStatus, type RunningStatus } from '../../src/agent/status.ts';
import type { ChannelParams } from '../../src/core/channel.ts';
import { limits } from '../../src/core/limits.ts';
import { readProblem } from '../../src/link/client-session.ts';
import { silentLog, type Log } from '../../src/platform/log.ts';
import { readReceipt, type Receipt } from '../../src/wire/receipt.ts';
import { verifyStatement } from '../../src/wire/signed.ts';
import { converse } from '../doubles/agent-channel.ts';
import {
  exec,
  sessionName,
  startAgentWorld,
  type AgentWorld,
  type GateLink,
  type OpenChanges,
} from '../doubles/agent-world.ts';

const own = userInfo().username;

interface OwnerWorld {
  readonly world: AgentWorld;
  readonly link: GateLink;
  /** Writes agent.yaml anew and has it read; resolves with what the log says of it. */
  readonly rewrite: (yaml: string) => Promise<string>;
}

async function withRules(
  t: TestContext,
  yaml: string,
  more: Partial<RunAgentOptions> = {},
): Promise<OwnerWorld> {
  const world = await startAgentWorld();
  t.after(() => world.close());
  const file = join(world.stateDir, 'agent.yaml');
  await writeFile(file, yaml, { mode: 0o600 });
  let reload = (): void => undefined;
  let onRules: (message: string) => void = () => undefined;
  const listen = (_fields: object, message: string): void => {
    if (message.startsWith('the rules')) onRules(message);
  };
  const log: Log = { ...silentLog, info: listen, error: listen };
  world.start({ useCgroups: false, log, onReload: (run) => void (reload = run), ...more });
  const link = await world.nextLink();
  await link.welcome();
  return {
    world,
    link,
    async rewrite(text) {
      const said = new Promise<string>((resolve) => void (onRules = resolve));
      await writeFile(file, text);
      reload();
      return said;
    },
  };
}

async function refusal(
  link: GateLink,
  params: ChannelParams,
  changes?: OpenChanges,
): Promise<{ readonly code: string; readonly message: string; readonly next: string | undefined }> {
  const answer = await link.open(params, changes);
  assert.notEqual(answer.status, 200, 'it should be refused');
  const { code, message, next } = await readProblem(answer);
  return { code, message, next };
}

async function running(world: AgentWorld): Promise<RunningStatus> {
  const status = await agentStatus({ state: world.stateDir });
  assert.ok(status.running !== undefined);
  return status.running;
}

async function works(link: GateLink, session = sessionName()): Promise<void> {
  const channel = await converse(await link.open(exec('true'), { session }));
  assert.deepEqual((await channel.ended).exit, { code: 0 });
}

async function nextReceipt(world: AgentWorld): Promise<Receipt> {
  const body = await world.nextTold('/v1/device/receipts');
  const verified = verifyStatement('receipt', String(body['receipt']), () =>
    createPublicKey(world.deviceKey),
  );
  const receipt = verified.ok ? readReceipt(verified.payload) : undefined;
  assert.ok(receipt !== undefined);
  return receipt;
}

/** Opens a channel and resolves as soon as the agent says that it waits. */
async function openAndWait(
  link: GateLink,
  params: ChannelParams,
  changes: OpenChanges = {},
): Promise<{ readonly answer: ReturnType<GateLink['open']>; readonly wait: string }> {
  let tell: (wait: string) => void = () => undefined;
  const told = new Promise<string>((resolve) => void (tell = resolve));
  const answer = link.open(params, { ...changes, onWaiting: tell });
  // Looked at later; meanwhile it may fail.
  answer.catch(() => undefined);
  return { answer, wait: await told };
}

async function tempDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'spo-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

test('a kind that the owner does not allow is refused in his name, and nothing starts', async (t) => {
  const { world, link } = await withRules(t, 'kinds: [shell]\n');
  const trace = join(await tempDir(t), 'trace');
  const refused = await refusal(link, exec('touch', trace));
  assert.equal(refused.code, 'owner_refused');
  assert.equal(refused.message, "the device's owner does not allow exec here");
  assert.match(refused.next ?? '', /ask its owner.*agent\.yaml on the device/);
  await assert.rejects(access(trace));
  assert.deepEqual((await running(world)).sessions, [], 'no session began');
});

test('what the owner allows works as without him', async (t) => {
  const { link } = await withRules(t, `kinds: [exec]\nusers: [${own}]\nmaxSession: 1h\n`);
  await works(link);
});

test("a session that names nobody is the agent's own user, who has to be in the list", async (t) => {
  const { link } = await withRules(t, 'users: [svc-of-somebody]\n');
  for (const params of [exec('true'), { ...exec('true'), user: own }] as const) {
    const { code, message } = await refusal(link, params);
    assert.deepEqual(
      [code, message],
      ['owner_refused', `the device's owner does not allow the user "${own}" here`],
    );
  }
});

test('a user that the owner refuses is refused before it is looked up', async (t) => {
  const { link } = await withRules(t, `users: [${own}]\n`);
  const params: ChannelParams = { kind: 'exec', argv: ['true'], env: {}, user: 'nobody-of-that-name' };
  assert.equal((await refusal(link, params)).code, 'owner_refused');
});

test('S5 a path outside of those allowed is refused, however it is written', async (t) => {
  const dir = await tempDir(t);
  await mkdir(join(dir, 'fw'));
  await symlink('/etc', join(dir, 'fw', 'etc'));
  await symlink(join(dir, 'not-there'), join(dir, 'fw', 'dangling'));
  const { link } = await withRules(t, `paths:\n  read: [${dir}/fw]\n  write: []\n`);
  const read = (root: string): ChannelParams => ({ kind: 'files', mode: 'read', roots: [root] });
  for (const root of [
    '/',
    '/etc',
    dir,
    `${dir}/fwx`,
    '~',
    `${dir}/fw/etc`,
    `${dir}/fw/etc/ssl`,
    `${dir}/fw/dangling`,
  ]) {
    assert.equal((await refusal(link, read(root))).code, 'owner_refused', root);
  }
  const inside = { kind: 'files', mode: 'write', roots: [`${dir}/fw`] } as const;
  assert.match((await refusal(link, inside)).message, /does not allow writing/);
  for (const odd of [`${dir}/fw/../..`, `${dir}//fw`, `${dir}/fw/.`]) {
    const text = JSON.stringify({ kind: 'files', mode: 'read', roots: [odd] });
    assert.equal((await refusal(link, read(`${dir}/fw`), { params: text })).code, 'pass_params', odd);
  }
});

test('L8 L9 a connection to what the owner did not list is refused, in any spelling', async (t) => {
  const { link } = await withRules(t, 'targets: ["127.0.0.1:5432"]\n');
  for (const host of ['127.0.0.2', 'localhost', '127.0.0.1.evil', '110.0.0.1', '::1']) {
    const refused = await refusal(link, { kind: 'tcp', host, port: 5432 });
    assert.equal(refused.code, 'owner_refused', host);
  }
  const other = await refusal(link, { kind: 'tcp', host: '127.0.0.1', port: 22 });
  assert.match(other.message, /the device's owner does not allow connections to "127\.0\.0\.1:22"/);
});

test('a plane that is off takes nothing, whatever the pass says', async (t) => {
  const { link } = await withRules(t, 'planes: {maintenance: off}\n');
  assert.match((await refusal(link, exec('true'))).message, /has switched the maintenance plane off/);
  assert.equal(
    (await refusal(link, exec('true'), { pass: { target: 'pump-7/db' }, open: { target: 'pump-7/db' } }))
      .code,
    'owner_refused',
  );
});

test('L7 the owner is asked only about passes that are good', async (t) => {
  const { world, link } = await withRules(t, 'consent: required\n');
  assert.equal((await refusal(link, exec('true'), { pass: { device: 'dev_other' } })).code, 'pass_device');
  assert.deepEqual((await running(world)).waiting, []);
});

test('the longest session that the owner allows ends it, and the receipt says that it was he', async (t) => {
  const { world, link } = await withRules(t, 'maxSession: 1s\n');
  const session = sessionName();
  const channel = await converse(await link.open(exec('sleep', '600'), { session }));
  const [seen] = (await running(world)).sessions;
  assert.ok(seen !== undefined);
  assert.equal(Date.parse(seen.endsAt) - Date.parse(seen.startedAt), 1_000);
  assert.equal((await channel.ended).how, 'cut');
  const receipt = await nextReceipt(world);
  assert.deepEqual([receipt.session, receipt.cause, receipt.processesLeft], [session, 'owner_limit', 0]);
});

test('the owner cannot lengthen what the pass ends earlier', async (t) => {
  const { world, link } = await withRules(t, 'maxSession: 24h\n');
  const mustEndAt = Date.now() + 700;
  const channel = await converse(await link.open(exec('sleep', '600'), { pass: { mustEndAt } }));
  assert.equal((await channel.ended).how, 'cut');
  assert.equal((await nextReceipt(world)).cause, 'deadline');
});

test('consent: the operator is told that he waits, who waits is seen on the device, and a yes lets him in', async (t) => {
  const { world, link } = await withRules(t, 'consent: required\n');
  const trace = join(await tempDir(t), 'trace');
  const session = sessionName();
  const { answer, wait } = await openAndWait(link, exec('touch', trace), { session });
  assert.equal(wait, 'consent');
  const { waiting, sessions, owner } = await running(world);
  assert.deepEqual(
    waiting.map(({ session, name, target, kind }) => [session, name, target, kind]),
    [[session, 'ana', 'pump-7', 'exec']],
  );
  assert.deepEqual(sessions, [], 'nothing began');
  assert.deepEqual([owner.consent, owner.consentForMs], ['required', 0]);
  await assert.rejects(access(trace), 'nothing started');
  const allowed = await orderConsent({ do: 'allow', forMs: 60_000 }, { state: world.stateDir });
  assert.deepEqual(allowed, { isRequired: true, admitted: [session] });
  assert.deepEqual((await (await converse(await answer)).ended).exit, { code: 0 });
  await access(trace);
  await works(link);
});

test('consent: once in, the session opens its next channels without asking again', async (t) => {
  const { world, link } = await withRules(t, 'consent: required\n');
  const session = sessionName();
  await orderConsent({ do: 'allow', forMs: 60_000, session }, { state: world.stateDir });
  const cat = await converse(await link.open(exec('cat'), { session }));
  await orderConsent({ do: 'allow_nobody' }, { state: world.stateDir });
  await works(link, session);
  cat.endStdin();
  await cat.ended;
});

test('consent for one session lets in no other', async (t) => {
  const { world, link } = await withRules(t, 'consent: required\n');
  const [mine, other] = [sessionName(), sessionName()];
  const first = await openAndWait(link, exec('true'), { session: mine });
  const second = await openAndWait(link, exec('true'), { session: other });
  await orderConsent({ do: 'allow', forMs: 60_000, session: mine }, { state: world.stateDir });
  assert.equal((await first.answer).status, 200);
  assert.deepEqual(
    (await running(world)).waiting.map(({ session }) => session),
    [other],
  );
  const cut = await orderCut({ do: 'cut', session: other }, { state: world.stateDir });
  assert.deepEqual(cut, { cut: [], refused: [other] });
  const refused = await readProblem(await second.answer);
  assert.deepEqual([refused.code, refused.message], ['owner_refused', 'consent was refused on the device']);
});

test('consent that does not come in the time of the pass is a refusal that says so', async (t) => {
  const { world, link } = await withRules(t, 'consent: required\n');
  const { answer } = await openAndWait(link, exec('true'), { pass: { startBy: Date.now() + 500 } });
  const { code, message, next } = await readProblem(await answer);
  assert.equal(code, 'owner_refused');
  assert.match(message, /^consent was not given on the device within \d+ ms$/);
  assert.match(next ?? '', /sallyport agent allow 30m/);
  assert.deepEqual((await running(world)).waiting, []);
});

test('R-045 an operator who leaves while he waits is gone, and a yes afterwards starts nothing', async (t) => {
  const { world, link } = await withRules(t, 'consent: required\n');
  const trace = join(await tempDir(t), 'trace');
  const left = new AbortController();
  const { answer } = await openAndWait(link, exec('touch', trace), { signal: left.signal });
  left.abort();
  await assert.rejects(answer);
  // One more round trip on the same link: by then the agent has seen the stream go.
  const other = await openAndWait(link, exec('true'));
  assert.equal((await running(world)).waiting.length, 1);
  assert.equal(
    (await orderConsent({ do: 'allow', forMs: 60_000 }, { state: world.stateDir })).admitted.length,
    1,
  );
  assert.deepEqual((await (await converse(await other.answer)).ended).exit, { code: 0 });
  await assert.rejects(access(trace));
});

test('L7 the pass of a session that waits is no good a second time, whatever leases come meanwhile', async (t) => {
  const { world, link } = await withRules(t, 'consent: required\n');
  const session = sessionName();
  const { answer } = await openAndWait(link, exec('true'), { session, n: 7 });
  await link.lease([session]);
  await link.lease([session]);
  assert.equal((await refusal(link, exec('true'), { session, n: 7 })).code, 'pass_replayed');
  await orderConsent({ do: 'allow', forMs: 60_000 }, { state: world.stateDir });
  assert.equal((await answer).status, 200);
});

test('L7 a pass that the owner refused is no good a second time, whatever leases come', async (t) => {
  const { link, rewrite } = await withRules(t, 'kinds: [shell]\n');
  const session = sessionName();
  assert.equal((await refusal(link, exec('true'), { session, n: 7 })).code, 'owner_refused');
  await link.lease([]);
  await link.lease([session]);
  await rewrite('kinds: [exec]\n');
  assert.equal((await refusal(link, exec('true'), { session, n: 7 })).code, 'pass_replayed');
});

test('consent does not bring back a session that is not leased any more', async (t) => {
  const { world, link } = await withRules(t, 'consent: required\n');
  const session = sessionName();
  const { answer } = await openAndWait(link, exec('true'), { session });
  await link.lease([]);
  await orderConsent({ do: 'allow', forMs: 60_000 }, { state: world.stateDir });
  assert.equal((await readProblem(await answer)).code, 'lease_stale');
  assert.deepEqual((await running(world)).sessions, []);
});

test('an agent that stops lets go of those who wait', async (t) => {
  const world = await startAgentWorld();
  t.after(() => world.close());
  await writeFile(join(world.stateDir, 'agent.yaml'), 'consent: required\n', { mode: 0o600 });
  const agent = world.start({ useCgroups: false });
  const link = await world.nextLink();
  await link.welcome();
  const { answer } = await openAndWait(link, exec('true'));
  const problem = answer.then(readProblem);
  const startedAt = performance.now();
  await agent.stop();
  assert.equal((await problem).code, 'unavailable');
  assert.ok(performance.now() - startedAt < limits.drainMaxMs / 2);
});

test('agent cut ends a session at once, leaves no process, and the receipt says who', async (t) => {
  const { world, link } = await withRules(t, 'consent: not_required\n');
  const [mine, other] = [sessionName(), sessionName()];
  const first = await converse(await link.open(exec('sleep', '600'), { session: mine }));
  const second = await converse(await link.open(exec('cat'), { session: other }));
  assert.deepEqual(await orderCut({ do: 'cut', session: mine }, { state: world.stateDir }), {
    cut: [mine],
    refused: [],
  });
  assert.equal((await first.ended).how, 'cut');
  const receipt = await nextReceipt(world);
  assert.deepEqual([receipt.session, receipt.cause, receipt.processesLeft], [mine, 'owner_cut', 0]);
  assert.equal((await refusal(link, exec('true'), { session: mine, n: 99 })).code, 'lease_stale');
  await second.stdin('lives\n');
  await second.until('lives');
  assert.deepEqual((await orderCut({ do: 'cut' }, { state: world.stateDir })).cut, [other]);
  assert.equal((await second.ended).how, 'cut');
});

test('agent cut of a session that is not in says so', async (t) => {
  const { world } = await withRules(t, 'consent: not_required\n');
  await assert.rejects(orderCut({ do: 'cut', session: sessionName() }, { state: world.stateDir }), {
    code: 'not_found',
  });
});

test('agent cut of all takes the consent back with it', async (t) => {
  const { world, link } = await withRules(t, 'consent: required\n');
  await orderConsent({ do: 'allow', forMs: 60_000 }, { state: world.stateDir });
  const session = sessionName();
  const channel = await converse(await link.open(exec('cat'), { session }));
  await orderCut({ do: 'cut' }, { state: world.stateDir });
  await channel.ended;
  const again = await openAndWait(link, exec('true'));
  await orderCut({ do: 'cut' }, { state: world.stateDir });
  assert.equal((await readProblem(await again.answer)).code, 'owner_refused');
});

test('rules that are read again count at once, and end what they no longer allow', async (t) => {
  const { world, link, rewrite } = await withRules(t, 'kinds: [exec]\n');
  const session = sessionName();
  const channel = await converse(await link.open(exec('cat'), { session }));
  assert.equal(await rewrite('kinds: [exec, shell]\n'), 'the rules were read again');
  await channel.stdin('lives\n');
  await channel.until('lives');
  assert.equal(await rewrite('kinds: [shell]\n'), 'the rules were read again');
  assert.equal((await channel.ended).how, 'cut');
  assert.deepEqual([(await nextReceipt(world)).cause], ['owner_cut']);
  assert.equal((await refusal(link, exec('true'))).code, 'owner_refused');
});

test('L20 rules with a fault, and rules that went away, leave the old ones standing', async (t) => {
  const { world, link, rewrite } = await withRules(t, 'kinds: [shell]\n');
  for (const faulty of ['kind: [exec]\n', 'kinds: [exec\n', '', 'kinds: &a [exec]\nusers: *a\n', '\u0000']) {
    assert.match(await rewrite(faulty), /the old ones stay/, JSON.stringify(faulty));
    assert.equal((await refusal(link, exec('true'))).code, 'owner_refused');
  }
  await chmod(join(world.stateDir, 'agent.yaml'), 0o622);
  assert.match(await rewrite('kinds: [exec]\n'), /the old ones stay/);
  assert.equal((await refusal(link, exec('true'))).code, 'owner_refused');
  await chmod(join(world.stateDir, 'agent.yaml'), 0o600);
  assert.equal(await rewrite('kinds: [exec]\n'), 'the rules were read again');
  await works(link);
});

test('consent that becomes required counts for the next channel of a session that is in without it', async (t) => {
  const { world, link, rewrite } = await withRules(t, 'consent: not_required\n');
  const session = sessionName();
  const channel = await converse(await link.open(exec('cat'), { session }));
  await rewrite('consent: required\n');
  const { answer } = await openAndWait(link, exec('true'), { session });
  await orderConsent({ do: 'allow', forMs: 60_000, session }, { state: world.stateDir });
  assert.equal((await answer).status, 200);
  channel.endStdin();
  await channel.ended;
});

const refusedAtStart: readonly (readonly [string, string, RegExp])[] = [
  ['a misspelt key', 'consnet: required\n', /unknown key "consnet"; the keys are/],
  ['no YAML', 'kinds: [shell\n', /not YAML/],
  ['a key that stands twice', 'kinds: [shell]\nkinds: [exec]\n', /not YAML.*unique/],
  ['an empty file', '\n', /must hold "key: value" lines/],
];

/** It has to fail: the signal is never given. */
async function startFails(world: AgentWorld, words: RegExp, config?: string): Promise<void> {
  const { signal } = new AbortController();
  const log = silentLog;
  await assert.rejects(runAgent({ state: world.stateDir, config, version: '0', signal, log }), words);
  assert.equal((await agentStatus({ state: world.stateDir })).running, undefined);
}

for (const [what, yaml, words] of refusedAtStart) {
  test(`L20 with ${what} in agent.yaml the agent does not start`, async (t) => {
    const world = await startAgentWorld();
    t.after(() => world.close());
    await writeFile(join(world.stateDir, 'agent.yaml'), yaml, { mode: 0o600 });
    await startFails(world, words);
  });
}

test('L20 rules that others may write, and a named file that is not there, start no agent', async (t) => {
  const world = await startAgentWorld();
  t.after(() => world.close());
  const config = join(world.stateDir, 'rules.yaml');
  await startFails(world, /there is no file/, config);
  await writeFile(config, 'kinds: [shell]\n');
  await chmod(config, 0o666);
  await startFails(world, /can be written by others \(mode 666\)/, config);
});

test('the local socket answers one line, bounded, and orders of another shape change nothing', async (t) => {
  const { world, link } = await withRules(t, 'consent: required\n');
  const say = (text: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect({ path: join(world.stateDir, 'agent.sock') });
      let said = '';
      socket.setEncoding('utf8');
      socket.on('data', (chunk: string) => {
        said += chunk;
      });
      socket.on('error', () => socket.destroy());
      socket.once('close', () => resolve(said));
      socket.write(text);
    });
  for (const line of [
    '{"do":"stop"}\n',
    'GET / HTTP/1.1\r\n\r\n',
    '\n',
    'x'.repeat(limits.localRequestMaxBytes + 1),
  ]) {
    assert.equal((JSON.parse(await say(line)) as { code: string }).code, 'invalid', line.slice(0, 20));
  }
  const twice = await say('{"do":"status"}\n{"do":"allow","forMs":60000}\n');
  assert.equal(twice.trim().split('\n').length, 1, 'one line of answer');
  const { answer } = await openAndWait(link, exec('true'));
  await orderCut({ do: 'cut' }, { state: world.stateDir });
  assert.equal((await readProblem(await answer)).code, 'owner_refused');
});
