// The Store contract when it cannot be written: nothing is applied and nothing opens, cuts take place, are
// seen, and come onto the log in order once it can be written again (design 1.4).

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreConflict, StoreUnavailable, type Store } from '../../src/authority/store/store.ts';
import { openMemoryStore } from '../../src/authority/store/memory-store.ts';
import { bodies, event, identity, lock, notes, partsOf, session } from './store-bodies.ts';

const cutLock = (value = lock(), note = value.reason) =>
  ({ changes: [{ put: 'lock', value, rev: 0 }], events: [event(note)] }) as const;

const types = async (store: Store): Promise<readonly string[]> =>
  (await store.events({}, { limit: 100 })).map(({ type }) => type);

for (const body of bodies) {
  describe(`store (${body.name}): faults`, () => {
    test('R6 a full disk refuses a commit with store unavailable, and nothing of it is applied', async () => {
      await using opened = await body.open();
      const { store, setFull } = opened;
      const alice = identity('alice');
      const before = await store.head();
      setFull(true);
      await assert.rejects(
        store.commit({ changes: [{ put: 'identity', value: alice }], events: [event('lost')] }),
        (error) =>
          error instanceof StoreUnavailable && error.message.startsWith('the store cannot be written: '),
      );
      assert.equal(await store.get('identity', alice.id), undefined);
      assert.deepEqual(await store.head(), before);
      setFull(false);
      await store.commit({ changes: [{ put: 'identity', value: alice, rev: 0 }], events: [event('kept')] });
      assert.deepEqual(await notes(store), ['kept']);
    });

    test('R6 a cut takes place on a full disk, is seen, and nothing opens until it is on the log', async () => {
      await using opened = await body.open();
      const { store, setFull } = opened;
      const live = session();
      await store.commit({ changes: [{ put: 'session', value: live }], events: [event('opened')] });
      setFull(true);
      const held = lock();
      await store.commitCut(cutLock(held));
      await store.commitCut({
        changes: [{ put: 'session', value: { ...live, state: 'terminating' }, rev: 1 }],
        events: [event('ended')],
      });
      await assert.rejects(store.commit({ changes: [], events: [event('refused')] }), StoreUnavailable);
      assert.deepEqual(await store.get('lock', held.id), { value: held, rev: 1 });
      assert.deepEqual((await store.list('lock', {})).items, [{ value: held, rev: 1 }]);
      assert.equal(await store.count('session', { live: true }), 0);
      assert.equal((await store.list('session', { live: true })).items.length, 0);
      assert.equal((await store.get('session', live.id))?.rev, 2);
      setFull(false);
      await store.commit({ changes: [], events: [event('opens again')] });
      assert.deepEqual(await notes(store), ['opened', 'lost laptop', 'ended', undefined, 'opens again']);
      assert.equal((await types(store))[3], 'audit.reserve_replayed');
      assert.deepEqual(await store.get('lock', held.id), { value: held, rev: 1 });
      assert.equal((await store.get('session', live.id))?.value.state, 'terminating');
    });

    test('held cuts keep the time at which they took place', async () => {
      await using opened = await body.open();
      const { store, clock, setFull } = opened;
      setFull(true);
      await store.commitCut(cutLock());
      clock.advance(60_000);
      setFull(false);
      await store.commit({ changes: [], events: [event('later')] });
      assert.deepEqual(
        (await store.events({}, { limit: 10 })).map(({ time }) => time),
        ['2030-01-01T00:00:00.000000Z', '2030-01-01T00:01:00.000000Z', '2030-01-01T00:01:00.000001Z'],
      );
    });

    test('listeners hear of held cuts when they are replayed, before what follows', async () => {
      await using opened = await body.open();
      const { store, setFull } = opened;
      const heard: unknown[] = [];
      store.onEvents((events) => heard.push(...events.map(({ seq, body: { note } }) => [seq, note])));
      setFull(true);
      await Promise.all([store.commitCut(cutLock(lock('a'))), store.commitCut(cutLock(lock('b')))]);
      assert.deepEqual(heard, []);
      setFull(false);
      await store.commit({ changes: [], events: [event('c')] });
      assert.deepEqual(heard, [
        [1, 'a'],
        [2, 'b'],
        [3, undefined],
        [4, 'c'],
      ]);
    });

    test('a cut finds its way around commits that are refused in the same turn', async () => {
      await using opened = await body.open();
      const { store, setFull } = opened;
      setFull(true);
      const held = lock();
      const results = await Promise.allSettled([
        store.commit({ changes: [], events: [event('before')] }),
        store.commitCut(cutLock(held)),
        store.commit({ changes: [], events: [event('after')] }),
      ]);
      assert.deepEqual(
        results.map(({ status }) => status),
        ['rejected', 'fulfilled', 'rejected'],
      );
      assert.ok(await store.get('lock', held.id));
    });

    test('held cuts compare and set against each other', async () => {
      await using opened = await body.open();
      const { store, setFull } = opened;
      setFull(true);
      const held = lock();
      await store.commitCut(cutLock(held));
      await assert.rejects(store.commitCut(cutLock(held)), StoreConflict);
      await store.commitCut({ changes: [{ delete: 'lock', id: held.id, rev: 1 }], events: [event('gone')] });
      assert.equal(await store.get('lock', held.id), undefined);
      setFull(false);
      await store.commit({ changes: [], events: [] });
      assert.deepEqual(await notes(store), ['lost laptop', 'gone', undefined]);
      assert.equal(await store.count('lock', {}), 0);
    });

    test('lists with held cuts page as they will after the replay', async () => {
      await using opened = await body.open();
      const { store, setFull } = opened;
      const made = Array.from({ length: 6 }, (_, index) => lock(`number ${index}`));
      for (const value of made.slice(0, 4))
        await store.commit({ changes: [{ put: 'lock', value }], events: [] });
      setFull(true);
      for (const value of made.slice(4)) await store.commitCut(cutLock(value));
      await store.commitCut({ changes: [{ delete: 'lock', id: made[1]?.id ?? '' }], events: [] });
      const walk = async (order: 'id' | 'newest'): Promise<readonly string[]> => {
        const first = await store.list('lock', {}, { order, limit: 2 });
        assert.ok(first.next);
        const rest = await store.list('lock', {}, { order, after: first.next });
        return [...first.items, ...rest.items].map(({ value }) => value.id);
      };
      const held = [await walk('id'), await walk('newest'), await store.count('lock', {})];
      setFull(false);
      await store.commit({ changes: [], events: [] });
      assert.deepEqual([await walk('id'), await walk('newest'), await store.count('lock', {})], held);
      assert.equal(held[2], 5);
    });

    test('a cut resolves even when the reserve is full: it is said, and nothing opens', async () => {
      await using opened = await body.open({ reserveBytes: 2_048 });
      const { store, setFull, lost, said } = opened;
      setFull(true);
      const made = Array.from({ length: 20 }, (_, index) => lock(`number ${index}`));
      for (const value of made) await store.commitCut(cutLock(value));
      assert.ok(lost.length > 0 && lost.length < made.length);
      assert.ok(said.some((line) => line.includes('written nowhere yet')));
      await assert.rejects(store.commit({ changes: [], events: [] }), StoreUnavailable);
      assert.equal(await store.count('lock', {}), made.length);
      setFull(false);
      await store.commit({ changes: [], events: [] });
      const all = await notes(store);
      assert.deepEqual(
        all.slice(0, made.length),
        made.map(({ reason }) => reason),
      );
      assert.deepEqual((await types(store)).slice(made.length), [
        'audit.reserve_replayed',
        'audit.sink_failed',
      ]);
    });

    test('a cut on a healthy store is an ordinary commit', async () => {
      await using opened = await body.open();
      const { store } = opened;
      await store.commitCut(cutLock());
      assert.deepEqual(await notes(store), ['lost laptop']);
      assert.deepEqual(await types(store), ['lock.created']);
    });
  });
}

test('the memory store fails once when told to', async () => {
  const store = await openMemoryStore(partsOf('once'));
  store.failNext(new Error('pulled the plug'));
  await assert.rejects(store.commit({ changes: [], events: [event('a')] }), /pulled the plug/);
  await store.commit({ changes: [], events: [event('b')] });
  assert.deepEqual(await notes(store), ['b']);
  await store.close();
});
