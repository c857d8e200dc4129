// Somebody acts for somebody else (R-021, RFC 8693 `act`): within what both may do, within what was delegated, each
// hop narrower, and only while everybody in the chain is somebody (negative test I15).

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import type { z } from 'zod';
import type { delegationBody, DelegationView } from '../../src/api/delegations.ts';
import { delegate, endDelegation, listDelegations } from '../../src/authority/delegations/delegate.ts';
import type { Operator } from '../../src/authority/admin/operator.ts';
import { removeIdentity } from '../../src/authority/admin/remove-identity.ts';
import { signOut } from '../../src/authority/enroll/sign-in.ts';
import { issueCredential } from '../../src/authority/enroll/credentials.ts';
import { openSession } from '../../src/authority/sessions/open-session.ts';
import { reviewSessions } from '../../src/authority/sessions/review-sessions.ts';
import { placeLock } from '../../src/authority/sessions/place-lock.ts';
import type { Identity } from '../../src/core/identity.ts';
import type { SessionId } from '../../src/core/ids.ts';
import { outcomeOf, refusal } from '../doubles/refusal.ts';
import {
  addDevice,
  addPerson,
  execTrue,
  makeWorld,
  usePolicy,
  type Person,
  type World,
} from './authority-world.ts';

const minuteMs = 60_000;
const system = { kind: 'system', id: 'test' } as const;
const policy = `
permit (principal in Role::"operator", action in [Action::"discover", Action::"exec"], resource);
permit (principal is AiAgent, action in [Action::"discover", Action::"exec", Action::"shell"], resource)
when { context has onBehalfOf || action == Action::"discover" };`;

let world: World;
let ana: Person;
let copilot: Person;
let helper: Person;
beforeEach(async () => {
  world = await makeWorld(policy);
  ana = await signedIn(await addPerson(world, 'ana'));
  copilot = await agent('copilot');
  helper = await agent('helper');
  await addDevice(world, 'pump-7');
  await addDevice(world, 'pump-8');
});
afterEach(async () => await world.close());

/** As the door of sign-ins leaves it: the credential is on record. */
async function signedIn(person: Person): Promise<Person> {
  const { identity, publicKey, caller } = person;
  const key = { publicKey, spki: caller.spki };
  const { credential } = await issueCredential(world.ctx, { id: identity.id, kind: 'human', key });
  await world.store.commit({ changes: [{ put: 'credential', value: credential, rev: 0 }], events: [] });
  return person;
}

async function agent(name: string): Promise<Person> {
  const person = await addPerson(world, name, []);
  const identity: Identity = {
    ...person.identity,
    kind: 'ai_agent',
    owner: ana.identity.id,
    purpose: 'to help',
    expiresAt: world.clock.now() + 86_400_000,
  };
  await world.store.commit({ changes: [{ put: 'identity', value: identity }], events: [] });
  return { ...person, identity, caller: { ...person.caller, kind: 'ai_agent', identity } };
}

function as(person: Person): Operator {
  return { ...person.caller, identity: person.identity };
}

async function lets(
  by: Person,
  to: string,
  changes: Partial<z.infer<typeof delegationBody>> = {},
): Promise<DelegationView> {
  const usual = { actor: to, targets: ['pump-7'], actions: ['exec' as const], forMs: 30 * minuteMs };
  return await delegate(world.ctx, as(by), { ...usual, ...changes });
}

async function exec(by: Person, delegation?: string, target = 'pump-7'): Promise<SessionId> {
  const body = { target, params: { ...execTrue }, ...(delegation === undefined ? {} : { delegation }) };
  return (await openSession(world.ctx, by.caller, body)).session.id as SessionId;
}

async function stateOf(session: SessionId): Promise<string> {
  const kept = (await world.store.get('session', session))?.value;
  return kept?.endReason ?? kept?.state ?? 'gone';
}

test('an agent does for a person what both may do, and nothing without her', async () => {
  assert.equal(await outcomeOf(exec(copilot)), 'denied', 'policy wants somebody behind it');
  const { id, chain } = await lets(ana, 'copilot');
  assert.deepEqual(
    chain.map(({ name }) => name),
    ['ana'],
  );
  const session = await exec(copilot, id);
  const kept = (await world.store.get('session', session))?.value;
  assert.deepEqual(kept?.behalf, { delegation: id, chain: [ana.identity.id] });
  assert.ok((kept?.mustEndAt ?? Infinity) <= world.clock.now() + 30 * minuteMs);
  assert.equal(await outcomeOf(exec(copilot, id, 'pump-8')), 'denied', 'it was not let on that');
  const shell = {
    target: 'pump-7',
    params: { kind: 'shell', pty: { term: 'x', cols: 1, rows: 1 }, env: {} },
    delegation: id,
  };
  assert.equal(await outcomeOf(openSession(world.ctx, copilot.caller, shell)), 'denied');
  const wide = await lets(ana, 'copilot', { actions: ['shell', 'exec'] });
  const both = { ...shell, delegation: wide.id };
  assert.equal(
    await outcomeOf(openSession(world.ctx, copilot.caller, both)),
    'denied',
    'ana herself may not',
  );
});

test('I15 a delegation is for the one whom it names', async () => {
  const { id } = await lets(ana, 'copilot');
  assert.equal(await outcomeOf(exec(helper, id)), 'not_found');
  assert.equal(await outcomeOf(exec(ana, id)), 'denied', 'not even for the person herself');
  assert.equal(await outcomeOf(exec(copilot, 'dlg_00000000000000000000000000')), 'not_found');
  const bo = await addPerson(world, 'bo');
  assert.equal(await outcomeOf(endDelegation(world.ctx, as(bo), id)), 'not_found');
  assert.equal((await listDelegations(world.ctx, as(bo), {})).items.length, 0);
  assert.equal(await outcomeOf(lets(ana, 'bo')), 'not_found', 'people act for themselves');
});

test('I10 an agent of another tenant is one that is not there', async () => {
  const value: Identity = { ...helper.identity, tenant: 'acme' };
  await world.store.commit({ changes: [{ put: 'identity', value }], events: [] });
  const { message } = await refusal(lets(ana, 'helper'));
  assert.equal(message, (await refusal(lets(ana, 'nobody'))).message.replace('nobody', 'helper'));
});

test('I15 each hop can only narrow: targets, actions, time, depth, and nobody twice', async () => {
  const first = await lets(ana, 'copilot', { targets: ['pump-7', 'pump-8'] });
  const parent = first.id;
  assert.equal(await outcomeOf(lets(copilot, 'helper', { parent, targets: ['pump-9'] })), 'denied');
  assert.equal(await outcomeOf(lets(copilot, 'helper', { parent, actions: ['exec', 'shell'] })), 'denied');
  assert.equal(await outcomeOf(lets(copilot, 'helper', { parent, forMs: 31 * minuteMs })), 'denied');
  assert.equal(await outcomeOf(lets(copilot, 'helper')), 'forbidden', 'of its own it has nobody to act for');
  assert.equal(await outcomeOf(lets(helper, 'copilot', { parent })), 'not_found', "another's");
  assert.equal(await outcomeOf(lets(ana, 'helper', { parent })), 'not_found', 'she does not act under it');
  const second = await lets(copilot, 'helper', { parent, targets: ['pump-8'], forMs: 10 * minuteMs });
  assert.deepEqual(
    second.chain.map(({ name }) => name),
    ['ana', 'copilot'],
  );
  assert.equal(await outcomeOf(exec(helper, second.id)), 'denied', 'pump-7 is not in it');
  assert.equal(await stateOf(await exec(helper, second.id, 'pump-8')), 'issued');
  assert.equal(
    await outcomeOf(lets(helper, 'copilot', { parent: second.id, targets: ['pump-8'], forMs: 1_000 })),
    'denied',
  );
  const third = await agent('third');
  const last = await lets(helper, 'third', { parent: second.id, targets: ['pump-8'], forMs: minuteMs });
  await agent('fourth');
  const fourth = lets(third, 'fourth', { parent: last.id, targets: ['pump-8'], forMs: 1_000 });
  assert.equal(await outcomeOf(fourth), 'denied', 'too deep');
  const refused = await world.store.events({ types: ['delegation.refused'] }, { limit: 9 });
  assert.equal(refused.length, 4);
});

test('I15 a lock on the person, or on anybody between, cuts who acts, at once and for later', async () => {
  for (const locked of [ana, copilot]) {
    const first = await lets(ana, 'copilot');
    const second = await lets(copilot, 'helper', { parent: first.id, forMs: minuteMs });
    const session = await exec(helper, second.id);
    const { lock } = await placeLock(world.ctx, {
      tenant: 'default',
      selector: { kind: 'identity', id: locked.identity.id },
      reason: 'left',
      by: system,
      createdBy: 'system',
    });
    assert.equal(await stateOf(session), 'lock', locked.identity.name);
    assert.equal(await outcomeOf(exec(helper, second.id)), 'denied');
    world.ctx.locks.remove(lock.id);
  }
});

test('her sign-out, the end of the first hop, her removal: each ends all that came of it', async () => {
  const first = await lets(ana, 'copilot');
  const second = await lets(copilot, 'helper', { parent: first.id, forMs: minuteMs });
  const session = await exec(helper, second.id);
  const auditor = await addPerson(world, 'audrey', ['auditor']);
  const seen = endDelegation(world.ctx, as(auditor), first.id);
  assert.equal(await outcomeOf(seen), 'not_found', 'who sees it does not end it');
  await endDelegation(world.ctx, as(ana), first.id);
  assert.equal(await stateOf(session), 'operator_gone');
  assert.equal(await outcomeOf(exec(helper, second.id)), 'denied');
  const again = await lets(ana, 'copilot');
  const other = await exec(copilot, again.id);
  await signOut(world.ctx, as(ana));
  assert.equal(await stateOf(other), 'operator_gone');
  assert.equal(await outcomeOf(exec(copilot, again.id)), 'denied', 'signed out');
  const bo = await signedIn(await addPerson(world, 'bo'));
  const his = await lets(bo, 'copilot');
  const third = await exec(copilot, his.id);
  const admin = await addPerson(world, 'admin', ['administrator']);
  await removeIdentity(world.ctx, as(admin), 'bo');
  assert.notEqual(await stateOf(third), 'issued');
  assert.equal(await outcomeOf(exec(copilot, his.id)), 'denied');
});

test('what policy takes from the person it takes from who acts for her', async () => {
  const { id } = await lets(ana, 'copilot');
  const session = await exec(copilot, id);
  usePolicy(
    world,
    `${policy} forbid (principal, action, resource) when { principal has name && principal.name == "ana" };`,
  );
  await reviewSessions(world.ctx);
  assert.equal(await stateOf(session), 'policy');
  world.clock.advance(30 * minuteMs);
  usePolicy(world, policy);
  assert.equal(await outcomeOf(exec(copilot, id)), 'denied', 'it is over');
});
