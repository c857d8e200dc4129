// What a restore takes from a log that was exported since the backup: nothing that was taken away comes back.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { restoreStore, type ExportedEvent, type Restoration } from '../../src/authority/backup/restore.ts';
import { fileRequest } from '../../src/authority/requests/file-request.ts';
import { newId } from '../../src/core/ids.ts';
import {
  addDevice,
  addPerson,
  makeWorld,
  open,
  usePolicy,
  type LinkedDevice,
  type Person,
  type World,
} from './authority-world.ts';

let world: World;
let ana: Person;
let pump: LinkedDevice;

beforeEach(async () => {
  world = await makeWorld();
  ana = await addPerson(world, 'ana', ['administrator', 'operator']);
  pump = await addDevice(world, 'pump-7');
  await open(world, ana, 'pump-7');
});
afterEach(async () => await world.close());

/** The events that follow those of the backup, in their places. */
async function restore(...since: readonly Omit<ExportedEvent, 'seq'>[]): Promise<Restoration> {
  const { size } = await world.store.head();
  const numbered = since.map((event, at) => ({ ...event, seq: size + 1 + at }));
  return await restoreStore({ ...world.ctx, store: world.store }, numbered);
}

const device = (): string => pump.device.id;
const identity = (): string => ana.identity.id;

test('R-091 each of several roles that were revoked since stays revoked', async () => {
  const revoked = (role: string) => ({ type: 'role.revoked', identity: identity(), body: { role } });
  await restore(revoked('administrator'), revoked('operator'));
  assert.deepEqual((await world.store.get('identity', identity()))?.value.roles, []);
});

test('R-091 who and what was removed since stays removed, also when it was changed before', async () => {
  await restore(
    { type: 'role.revoked', identity: identity(), body: { role: 'operator' } },
    { type: 'identity.removed', identity: identity() },
    { type: 'device.quarantined', device: device(), code: 'clone' },
    { type: 'device.removed', device: device() },
  );
  assert.equal(await world.store.get('identity', identity()), undefined);
  assert.equal(await world.store.get('device', device()), undefined);
});

test('R-091 L6 the key of a board that was replaced since is dead', async () => {
  await restore({ type: 'device.replaced', device: device(), body: { name: 'pump-7' } });
  assert.equal((await world.store.get('device', device()))?.value.hold?.why, 'replaced');
});

test('R-091 a lock since is in force, one that was lifted since is not, and sessions have ended', async () => {
  const [stays, lifted] = [1, 2].map((n) => newId('lck', new Uint8Array(16).fill(n)));
  const created = (lock: string | undefined) => {
    return { type: 'lock.created', lock, device: device(), body: { kind: 'device', reason: 'stolen' } };
  };
  const restoration = await restore(created(stays), created(lifted), { type: 'lock.removed', lock: lifted });
  assert.equal(restoration.sealedBy, undefined);
  assert.equal(restoration.sessionsEnded, 1);
  const locks = await world.store.list('lock', {});
  assert.deepEqual(
    locks.items.map(({ value }) => [value.id, value.selector.id]),
    [[stays, device()]],
  );
});

test('R-091 what was approved before is worth nothing after a restore', async () => {
  const approving = `
    @id("see") permit (principal in Role::"operator", action == Action::"discover", resource);
    @id("work") @approvers("1") permit (principal in Role::"operator", action == Action::"exec", resource);
    @id("approve") permit (principal in Role::"approver", action == Action::"approve", resource);`;
  usePolicy(world, approving);
  await addPerson(world, 'bo', ['approver']);
  const caller = { ...ana.caller, identity: ana.identity };
  await fileRequest(world.ctx, caller, { target: 'pump-7', forMs: 60_000, reason: 'valve' });
  const { requestsVoided } = await restoreStore({ ...world.ctx, store: world.store }, undefined);
  assert.equal(requestsVoided, 1);
  assert.equal(await world.store.count('request', { live: true }), 0);
});

test('R-091 a log that misses an event is refused with words, and nothing is changed', async () => {
  const { size, chainHash } = await world.store.head();
  for (const seqs of [[2], [1, 3]]) {
    const since = seqs.map((seq) => ({ type: 'device.removed', device: device(), seq: size + seq }));
    await assert.rejects(restoreStore({ ...world.ctx, store: world.store }, since), {
      code: 'invalid',
      message: new RegExp(`does not hold event ${size + (seqs[0] === 1 ? 2 : 1)}`),
    });
  }
  assert.equal((await world.store.head()).chainHash, chainHash);
});

test('R-091 a log that ends before the backup does is refused with words: it says nothing of what came since', async () => {
  const { size } = await world.store.head();
  const old = [{ type: 'lock.created', seq: size - 1 }];
  await assert.rejects(restoreStore({ ...world.ctx, store: world.store }, old), {
    code: 'invalid',
    message: new RegExp(`ends at event ${size - 1}, before the backup does at ${size}`),
  });
});

test('R-091 without an exported log no session opens, and all of them do once the lock is lifted', async () => {
  const { sealedBy = '' } = await restoreStore({ ...world.ctx, store: world.store }, undefined);
  await world.ctx.locks.load(world.store);
  await assert.rejects(open(world, ana, 'pump-7'), { code: 'locked' });
  world.ctx.locks.remove(sealedBy as never);
  await open(world, ana, 'pump-7');
});
