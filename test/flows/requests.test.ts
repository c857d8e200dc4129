// Access that others have to approve: who counts, what is signed, how often it is good, and what ends with it.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { Operator } from '../../src/authority/admin/operator.ts';
import { showSession } from '../../src/authority/admin/show-session.ts';
import { stopSession } from '../../src/authority/admin/stop-session.ts';
import { removeIdentity } from '../../src/authority/admin/remove-identity.ts';
import { approveRequest, cancelRequest, denyRequest } from '../../src/authority/requests/decide-request.ts';
import { fileRequest } from '../../src/authority/requests/file-request.ts';
import { listRequests, showRequest } from '../../src/authority/requests/list-requests.ts';
import { expireRequests } from '../../src/authority/requests/request-watch.ts';
import { placeLock } from '../../src/authority/sessions/place-lock.ts';
import { reviewSessions } from '../../src/authority/sessions/review-sessions.ts';
import type { RequestFiled, RequestView } from '../../src/api/requests.ts';
import { outcomeOf } from '../doubles/refusal.ts';
import type { SessionId } from '../../src/core/ids.ts';
import type { Identity } from '../../src/core/identity.ts';
import { limits } from '../../src/core/limits.ts';
import type { Session } from '../../src/core/session-record.ts';
import { keyId, signStatement } from '../../src/wire/signed.ts';
import {
  addDevice,
  addPerson,
  channel,
  logged,
  makeWorld,
  open,
  usePolicy,
  type Person,
  type World,
} from './authority-world.ts';

const see = `@id("see") permit (principal in Role::"operator", action == Action::"discover", resource);`;
const approve = `@id("approve") permit (principal in Role::"approver", action == Action::"approve", resource);`;
function work(annotations: string): string {
  return `@id("work") @maxSession("2h") ${annotations}
permit (principal in Role::"operator", action in [Action::"shell", Action::"exec"], resource);`;
}
const one = [see, approve, work('@approvers("1")')].join('\n');
const two = [see, approve, work('@approvers("2")')].join('\n');

const minuteMs = 60_000;
const system = { kind: 'system', id: 'test' } as const;

let world: World;
let ana: Person;
let bo: Person;
let cy: Person;
beforeEach(async () => {
  world = await makeWorld(one);
  ana = await addPerson(world, 'ana');
  bo = await addPerson(world, 'bo', ['approver']);
  cy = await addPerson(world, 'cy', ['approver', 'operator']);
  await addDevice(world, 'pump-7');
});
afterEach(async () => await world.close());

function as(person: Person): Operator {
  return { ...person.caller, identity: person.identity };
}

async function file(
  person = ana,
  changes: Partial<Parameters<typeof fileRequest>[2]> = {},
): Promise<RequestFiled> {
  const body = { target: 'pump-7', forMs: 30 * minuteMs, reason: 'valve', ...changes };
  return await fileRequest(world.ctx, as(person), body);
}

function signed(person: Person, request: RequestView, changes: Record<string, string> = {}): string {
  const spki = person.publicKey.export({ type: 'spki', format: 'der' }).toString('base64url');
  return signStatement(
    'approval',
    { request: request.id, digest: request.digest, spki, ...changes },
    { kid: keyId(person.publicKey), privateKey: person.key },
  );
}

function tampered(statement: string): string {
  const other = statement.at(-9) === 'A' ? 'B' : 'A';
  return statement.slice(0, -9) + other + statement.slice(-8);
}

async function say(
  person: Person,
  request: RequestView,
  statement = signed(person, request),
): Promise<RequestView> {
  return await approveRequest(world.ctx, as(person), { id: request.id, proof: { statement } });
}

async function state(request: RequestView): Promise<string> {
  return (await showRequest(world.ctx, as(ana), request.id)).state;
}

/** A session on one approval of bo's, with its first channel open. */
async function openApproved(): Promise<{ readonly request: RequestView; readonly session: SessionId }> {
  const request = await file();
  await say(bo, request);
  const opened = await open(world, ana, 'pump-7');
  const { id } = opened.session;
  await channel(world, ana, { session: id, target: 'pump-7', linkNonce: opened.linkNonce });
  return { request, session: id as SessionId };
}

async function stored(id: SessionId): Promise<Session> {
  return (await world.store.get('session', id))?.value ?? assert.fail();
}

async function add(identity: Identity, person: Person): Promise<Person> {
  await world.store.commit({ changes: [{ put: 'identity', value: identity }], events: [] });
  return { ...person, identity, caller: { ...person.caller, identity } };
}

test('R-041 unapproved is refused and says what to do; approved it opens, once', async () => {
  await assert.rejects(open(world, ana, 'pump-7'), {
    code: 'approval_required',
    message: 'to exec on "pump-7" you need an approval',
    next: /sallyport request pump-7/,
  });
  const request = await file();
  assert.deepEqual(
    [request.state, request.needed, request.actions, request.approvers],
    ['pending', 1, ['shell', 'exec'], ['bo', 'cy']],
  );
  assert.equal(await outcomeOf(open(world, ana, 'pump-7')), 'approval_required', 'asking is not having');
  assert.equal((await say(bo, request)).state, 'approved');
  const { session } = await open(world, ana, 'pump-7');
  const { mustEndAt } = await stored(session.id as SessionId);
  assert.equal(
    mustEndAt,
    world.clock.now() + 30 * minuteMs,
    'what was approved bounds it, not what policy would',
  );
  assert.equal(await state(request), 'used');
  assert.equal(
    await outcomeOf(open(world, ana, 'pump-7')),
    'approval_required',
    'I6: an approval is good once',
  );
  assert.deepEqual(
    (await logged(world)).filter((type) => !type.startsWith('session.denied')),
    ['request.created', 'request.approved', 'policy.decided', 'request.used', 'session.issued'],
  );
});

test('I6 nobody approves his own request: not himself, not a machine of his, not whom he invited', async () => {
  const request = await file(cy);
  assert.equal(await outcomeOf(say(cy, request)), 'forbidden');
  const invited = await addPerson(world, 'di', ['approver']);
  const di = await add({ ...invited.identity, invitedBy: cy.identity.id }, invited);
  assert.equal(await outcomeOf(say(di, request)), 'forbidden');
  const robot = await addPerson(world, 'robot', ['approver']);
  const machine = await add({ ...robot.identity, kind: 'machine', owner: bo.identity.id }, robot);
  // To a machine that could never approve it the request is not there.
  assert.equal(await outcomeOf(say(machine, request)), 'not_found');
  assert.equal((await showRequest(world.ctx, as(cy), request.id)).approvals.length, 0);
  assert.ok((await logged(world)).includes('request.refused(own_request)'));
});

test('I6 who answers for a machine, and who made it known, does not approve for it', async () => {
  const robot = await addPerson(world, 'robot');
  const facts = { kind: 'machine', owner: bo.identity.id, invitedBy: cy.identity.id } as const;
  const machine = await add({ ...robot.identity, ...facts }, robot);
  await assert.rejects(file(machine), { code: 'denied', message: /nobody may give one/ });
  const di = await addPerson(world, 'di', ['approver']);
  const request = await file(machine);
  assert.deepEqual(request.approvers, ['di']);
  assert.equal(await outcomeOf(say(bo, request)), 'forbidden');
  assert.equal((await say(di, request)).state, 'approved');
});

test('I6 a quorum counts persons: the same one twice is one', async () => {
  usePolicy(world, two);
  const request = await file();
  assert.equal(request.needed, 2);
  await say(bo, request);
  assert.equal((await say(bo, request)).approvals.length, 1);
  assert.equal(await outcomeOf(open(world, ana, 'pump-7')), 'approval_required');
  assert.equal((await say(cy, request)).state, 'approved');
  assert.equal(await outcomeOf(open(world, ana, 'pump-7')), 'allowed');
});

test('two approvals at the same instant both count', async () => {
  usePolicy(world, two);
  const request = await file();
  const views = await Promise.all([say(bo, request), say(cy, request)]);
  assert.ok(views.some((view) => view.state === 'approved'));
  assert.equal(await outcomeOf(open(world, ana, 'pump-7')), 'allowed');
});

test('I6 a signature over another request, or by another key, approves nothing', async () => {
  const request = await file();
  const other = await file(ana, { reason: 'another' });
  for (const statement of [
    signed(bo, other),
    signed(bo, request, { digest: other.digest }),
    signed(cy, request),
    tampered(signed(bo, request)),
    'x',
  ]) {
    assert.equal(await outcomeOf(say(bo, request, statement)), 'invalid');
  }
  const own = { spki: cy.publicKey.export({ type: 'spki', format: 'der' }).toString('base64url') };
  assert.equal(await outcomeOf(say(bo, request, signed(bo, request, own))), 'invalid');
  assert.equal(await state(request), 'pending');
});

test('I6 who was locked after he approved does not count: not to open', async () => {
  const request = await file();
  await say(bo, request);
  await placeLock(world.ctx, {
    tenant: 'default',
    selector: { kind: 'identity', id: bo.identity.id },
    reason: 'left',
    by: system,
    createdBy: 'system',
  });
  assert.equal(await outcomeOf(open(world, ana, 'pump-7')), 'approval_required');
});

const losses: Readonly<Record<string, () => Promise<unknown>>> = {
  locked: async () =>
    await placeLock(world.ctx, {
      tenant: 'default',
      selector: { kind: 'identity', id: bo.identity.id },
      reason: 'left',
      by: system,
      createdBy: 'system',
    }),
  removed: async () => {
    const admin = await addPerson(world, 'admin', ['administrator']);
    await removeIdentity(world.ctx, as(admin), 'bo');
  },
  'no approver any more': async () => {
    await add({ ...bo.identity, roles: [] }, bo);
    await reviewSessions(world.ctx);
  },
  'taking it back': async () => {
    const [request] = (await listRequests(world.ctx, as(bo), { limit: 10 })).items;
    await denyRequest(world.ctx, as(bo), { id: request?.id ?? '', reason: 'wrong pump' });
  },
};
for (const [how, lose] of Object.entries(losses)) {
  test(`I7 an approver who is ${how} takes the session with him`, async () => {
    const { session } = await openApproved();
    await lose();
    const { state: life, endReason } = await stored(session);
    assert.deepEqual([life, endReason], ['terminating', 'approver']);
    assert.ok(world.orders.some((order) => order.type === 'cut' && order.sessions.includes(session)));
  });
}

test('I7 an approval that is taken back before it is used opens nothing', async () => {
  const request = await file();
  await say(bo, request);
  const after = await denyRequest(world.ctx, as(bo), { id: request.id });
  assert.deepEqual([after.state, after.approvals], ['withdrawn', []]);
  assert.equal(await outcomeOf(open(world, ana, 'pump-7')), 'approval_required');
});

test('each channel of an approved session is decided with its approvals', async () => {
  const request = await file();
  await say(bo, request);
  const { session, linkNonce } = await open(world, ana, 'pump-7');
  const ask = { session: session.id, target: 'pump-7', linkNonce };
  await channel(world, ana, { ...ask, n: 1 });
  await add({ ...bo.identity, roles: [] }, bo);
  assert.equal(await outcomeOf(channel(world, ana, { ...ask, n: 2 })), 'denied');
});

test('what was approved is for that key, that device, that kind and that time', async () => {
  const startAt = new Date(world.clock.now() + 10 * minuteMs).toISOString();
  const request = await file(ana, { actions: ['shell'], startAt });
  await say(bo, request);
  const shell = { kind: 'shell', pty: { term: 'xterm', cols: 80, rows: 24 }, env: {} } as const;
  assert.equal(await outcomeOf(open(world, ana, 'pump-7', shell)), 'approval_required', 'too early');
  world.clock.advance(10 * minuteMs);
  assert.equal(await outcomeOf(open(world, ana, 'pump-7')), 'approval_required', 'exec was not asked for');
  await addDevice(world, 'pump-8');
  assert.equal(await outcomeOf(open(world, ana, 'pump-8', shell)), 'approval_required', 'another device');
  const otherKey = { ...ana, caller: { ...ana.caller, spki: bo.caller.spki } };
  assert.equal(await outcomeOf(open(world, otherKey, 'pump-7', shell)), 'approval_required', 'another key');
  world.clock.advance(limits.grantWaitMs - 1);
  assert.equal(await outcomeOf(open(world, ana, 'pump-7', shell)), 'allowed');
  const late = await file(ana, { actions: ['shell'] });
  await say(bo, late);
  world.clock.advance(limits.grantWaitMs);
  assert.equal(await outcomeOf(open(world, ana, 'pump-7', shell)), 'approval_required', 'too late');
});

test('what was asked for by command or path opens these alone, in every channel of its session', async () => {
  const run = (...argv: string[]) => ({ kind: 'exec', argv, env: {} }) as const;
  const request = await file(ana, { commands: ['systemctl restart "valve 7"', 'true'] });
  assert.deepEqual(request.actions, ['exec']);
  assert.deepEqual(request.commands, [['systemctl', 'restart', 'valve 7'], ['true']]);
  await say(bo, request);
  const shell = { kind: 'shell', pty: { term: 'xterm', cols: 80, rows: 24 }, env: {} } as const;
  for (const [what, params] of [
    ['another one', run('reboot')],
    ['one word more', run('systemctl', 'restart', 'valve 7', '--force')],
    ['words that look alike', run('systemctl', 'restart', 'valve', '7')],
    ['a shell', shell],
  ] as const) {
    assert.equal(await outcomeOf(open(world, ana, 'pump-7', params)), 'approval_required', what);
  }
  const { session, linkNonce } = await open(world, ana, 'pump-7', run('systemctl', 'restart', 'valve 7'));
  const ask = { session: session.id, target: 'pump-7', linkNonce };
  await channel(world, ana, { ...ask, n: 1, params: run('true') });
  const other = channel(world, ana, { ...ask, n: 2, params: run('reboot') });
  assert.equal(await outcomeOf(other), 'denied', 'also beside one that was asked for');

  usePolicy(
    world,
    `${see}\n${approve}\n@id("files") @approvers("1")
    permit (principal in Role::"operator", action in [Action::"download", Action::"upload"], resource)
    when { context has path && context.path like "/etc*" };`,
  );
  const files = await file(ana, { paths: ['/etc/valve/', '/etc/motd'] });
  assert.deepEqual(
    [files.actions, files.paths],
    [
      ['upload', 'download'],
      ['/etc/valve', '/etc/motd'],
    ],
  );
  await say(bo, files);
  const read = (...roots: string[]) => ({ kind: 'files', mode: 'read', roots }) as const;
  for (const roots of [['/etc/passwd'], ['/etc/valve-2'], ['/etc'], ['/etc/motd', '/etc/shadow']])
    assert.equal(
      await outcomeOf(open(world, ana, 'pump-7', read(...roots))),
      'approval_required',
      roots.join(' '),
    );
  assert.equal(
    await outcomeOf(open(world, ana, 'pump-7', read('/etc/valve/a.conf', '/etc/motd'))),
    'allowed',
  );
});

test('a kind whose policy looks at the command waits for the most that may be demanded of this person there', async () => {
  const exec = (demands: string, principal: string, resource = 'resource') =>
    `${demands} permit (${principal}, action == Action::"exec", ${resource})
    when { context has program && context.program == "sh" };`;
  const [one, two] = ['@approvers("1")', '@approvers("2")'];
  const others = [
    exec(two, 'principal in Role::"auditor"'),
    exec(two, `principal == Human::"${bo.caller.id}"`),
    exec(two, 'principal is Machine'),
    exec(two, 'principal', 'resource is Service'),
  ].join('\n');
  usePolicy(world, `${see}\n${approve}\n${exec(one, 'principal in Role::"operator"')}\n${others}`);
  assert.equal((await file(ana, { actions: ['exec'] })).needed, 1, 'what is for others does not count');
  for (const principal of ['principal', 'principal is Human in Role::"operator"', 'principal is Human']) {
    const policies = [exec(one, 'principal in Role::"operator"'), exec(two, principal)];
    usePolicy(world, `${see}\n${approve}\n${policies.join('\n')}`);
    assert.equal((await file(ana, { actions: ['exec'] })).needed, 2, principal);
  }
  usePolicy(world, `${see}\n${approve}\n${exec('@approvers("1") @approvedBy("passkey")', 'principal')}`);
  assert.equal((await file(ana, { actions: ['exec'] })).byPasskey, true);
  assert.equal((await file(ana, { commands: ['sh -c x'] })).needed, 1);
});

test('a path without a kind is asked for in the direction that policy opens', async () => {
  const opens = (action: string, more = '') =>
    usePolicy(
      world,
      `${see}\n${approve}\n@id("files") @approvers("1")
      permit (principal in Role::"operator", action == Action::"${action}", resource)
      when { context has path && context.path like "/etc*" };${more}`,
    );
  opens('download');
  assert.deepEqual((await file(ana, { paths: ['/etc/motd'] })).actions, ['download']);
  opens('upload');
  assert.deepEqual((await file(ana, { paths: ['/etc/motd'] })).actions, ['upload']);
  assert.equal(
    await outcomeOf(file(ana, { paths: ['/etc/motd'], actions: ['download'] })),
    'denied',
    'named',
  );
  assert.equal(await outcomeOf(file(ana, { paths: ['/etc/motd', '/root'] })), 'denied', 'one of two');
  assert.equal(await outcomeOf(file(ana, { paths: ['/root'] })), 'denied', 'neither direction');
  const both = { paths: ['/etc/motd'], commands: ['reboot'] };
  assert.equal(await outcomeOf(file(ana, both)), 'denied', 'a command was said, and nothing opens it');
});

test('what cannot be meant, or no approval would open, is refused when it is asked for', async () => {
  assert.equal(await outcomeOf(file(ana, { commands: ['true'], actions: ['shell'] })), 'invalid');
  assert.equal(await outcomeOf(file(ana, { commands: ['true'], actions: ['exec', 'shell'] })), 'invalid');
  assert.equal(await outcomeOf(file(ana, { paths: ['/etc'], actions: ['exec'] })), 'invalid');
  for (const path of ['etc/valve', '/etc/../root', '~bo/x'])
    assert.equal(await outcomeOf(file(ana, { paths: [path] })), 'invalid', path);
  assert.equal(await outcomeOf(file(ana, { commands: ["echo 'open"] })), 'invalid');
  const long = Array.from({ length: 3 }, (_, n) => `echo ${n} ${'x'.repeat(1_500)}`);
  assert.equal(await outcomeOf(file(ana, { commands: long })), 'too_large');
  usePolicy(
    world,
    `${see}\n${approve}\n@id("ls") @approvers("1")
    permit (principal in Role::"operator", action == Action::"exec", resource)
    when { context has command && context.command like "ls *" };`,
  );
  assert.equal(await outcomeOf(file(ana, { commands: ['rm -r /'] })), 'denied');
  const asked = await file(ana, { commands: ['ls /'] });
  assert.equal(asked.needed, 1);
});

test('two sessions that want one grant at the same instant: one gets it', async () => {
  await say(bo, await file());
  const both = await Promise.all([
    outcomeOf(open(world, ana, 'pump-7')),
    outcomeOf(open(world, ana, 'pump-7')),
  ]);
  assert.deepEqual(both.sort(), ['allowed', 'approval_required']);
});

test('a request that nobody decides, and a grant that nobody uses, are over, and the log says so', async () => {
  const undecided = await file();
  world.clock.advance(limits.requestLifeMs);
  assert.equal(await outcomeOf(say(bo, undecided)), 'conflict');
  assert.equal(await state(undecided), 'expired');
  await expireRequests(world.ctx);
  assert.equal((await logged(world)).at(-1), 'request.expired');
  const unused = await file();
  await say(bo, unused);
  world.clock.advance(limits.grantWaitMs);
  await expireRequests(world.ctx);
  assert.equal(await state(unused), 'expired');
  assert.equal(await world.store.count('request', { live: true }), 0);
});

test('what no approval would help, what needs none, and what nobody may approve is refused at once', async () => {
  usePolicy(world, [see, approve, work('')].join('\n'));
  assert.equal(await outcomeOf(file()), 'conflict');
  usePolicy(world, [see, approve].join('\n'));
  assert.equal(await outcomeOf(file()), 'denied');
  usePolicy(world, [see, work('@approvers("1")')].join('\n'));
  await assert.rejects(file(), { code: 'denied', message: /nobody may give one/ });
  usePolicy(world, [see, approve, work('@approvers("3")')].join('\n'));
  await assert.rejects(file(), { code: 'denied', message: /only 2 of them may/ });
  usePolicy(world, one);
  assert.equal(await outcomeOf(file(ana, { target: 'pump-9' })), 'not_found');
  assert.equal(await outcomeOf(file(ana, { reason: 'a\u001b[2Jb' })), 'invalid');
  assert.equal(await outcomeOf(file(ana, { ticket: 'CHG 1; rm' })), 'invalid');
});

test('a policy that asks for approvals in its condition is met by them too', async () => {
  const text = `@id("c") permit (principal in Role::"operator", action == Action::"exec", resource)
when { context.approvals >= 2 };`;
  usePolicy(world, [see, approve, text].join('\n'));
  assert.equal(await outcomeOf(open(world, ana, 'pump-7')), 'approval_required');
  const request = await file();
  assert.deepEqual([request.needed, request.actions], [2, ['exec']]);
  await say(bo, request);
  await say(cy, request);
  assert.equal(await outcomeOf(open(world, ana, 'pump-7')), 'allowed');
});

test('I10 a request is not there for whoever neither asked nor may decide', async () => {
  const request = await file();
  const eve = await addPerson(world, 'eve');
  const missing = await outcomeOf(showRequest(world.ctx, as(eve), 'req_00000000000000000000000000'));
  for (const ask of [
    showRequest(world.ctx, as(eve), request.id),
    say(eve, request),
    denyRequest(world.ctx, as(eve), { id: request.id }),
    cancelRequest(world.ctx, as(eve), request.id),
  ]) {
    assert.equal(await outcomeOf(ask), missing);
  }
  assert.deepEqual((await listRequests(world.ctx, as(eve), {})).items, []);
  const waiting = await listRequests(world.ctx, as(bo), { of: 'waiting' });
  assert.deepEqual(
    waiting.items.map(({ id }) => id),
    [request.id],
  );
  const of = 'waiting';
  assert.deepEqual((await listRequests(world.ctx, as(ana), { of })).items, [], 'nobody waits for himself');
});

test('I11 an auditor sees a request and a session, and decides and ends nothing', async () => {
  const audrey = await addPerson(world, 'audrey', ['auditor']);
  const { request, session } = await openApproved();
  assert.equal((await showRequest(world.ctx, as(audrey), request.id)).state, 'used');
  assert.equal(await outcomeOf(say(audrey, request)), 'forbidden');
  const other = await file();
  assert.equal(await outcomeOf(denyRequest(world.ctx, as(audrey), { id: other.id })), 'forbidden');
  assert.equal(await outcomeOf(cancelRequest(world.ctx, as(audrey), other.id)), 'forbidden');
  assert.equal((await showSession(world.ctx, as(audrey), session)).live, true);
  assert.equal(await outcomeOf(stopSession(world.ctx, as(audrey), { id: session, body: {} })), 'forbidden');
  assert.equal((await stored(session)).state, 'active');
});

test('denied and taken back stays so', async () => {
  const request = await file();
  const denied = await denyRequest(world.ctx, as(bo), { id: request.id, reason: 'not today' });
  assert.deepEqual([denied.state, denied.deniedBy?.name, denied.denyReason], ['denied', 'bo', 'not today']);
  assert.equal(await outcomeOf(say(cy, request)), 'conflict');
  assert.equal(await outcomeOf(denyRequest(world.ctx, as(cy), { id: request.id })), 'conflict');
  const other = await file();
  assert.equal(await outcomeOf(cancelRequest(world.ctx, as(bo), other.id)), 'forbidden');
  assert.equal((await cancelRequest(world.ctx, as(ana), other.id)).state, 'cancelled');
  assert.equal(await outcomeOf(say(bo, other)), 'conflict');
});

test('open requests are bounded', async () => {
  for (let count = 0; count < limits.requestsPerIdentityMax; count += 1) await file();
  assert.equal(await outcomeOf(file()), 'rate_limited');
});

test('nobody waits for an approval of what needs a ticket, where no ticket system is known', async () => {
  usePolicy(
    world,
    [see, approve, work('@approvers("1")').replace(/;$/, ' when { context has ticket };')].join('\n'),
  );
  assert.equal(await outcomeOf(file(ana, { ticket: 'CHG-1' })), 'denied');
});
