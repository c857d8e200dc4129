// The Store contract, records: compare-and-set, uniqueness, all or nothing, order, lists.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SallyportError } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import { StoreConflict, StoreUnavailable, type Commit } from '../../src/authority/store/store.ts';
import { bodies, enrollment, event, identity, lock, notes, session } from './store-bodies.ts';

const put = (value: ReturnType<typeof identity>, rev?: number): Commit => ({
  changes: [{ put: 'identity', value, ...(rev === undefined ? {} : { rev }) }],
  events: [],
});

for (const body of bodies) {
  describe(`store (${body.name}): records`, () => {
    test('a record is read as it was written, with a revision that rises', async () => {
      await using opened = await body.open();
      const { store } = opened;
      const alice = identity('alice');
      assert.equal(await store.get('identity', alice.id), undefined);
      await store.commit(put(alice));
      assert.deepEqual(await store.get('identity', alice.id), { value: alice, rev: 1 });
      await store.commit(put({ ...alice, purpose: 'on call' }));
      assert.deepEqual(await store.get('identity', alice.id), {
        value: { ...alice, purpose: 'on call' },
        rev: 2,
      });
    });

    test('a change holds only at the revision that it names', async () => {
      await using opened = await body.open();
      const { store } = opened;
      const alice = identity('alice');
      await assert.rejects(store.commit(put(alice, 1)), StoreConflict);
      await store.commit(put(alice, 0));
      await assert.rejects(store.commit(put(alice, 0)), { name: 'StoreConflict', id: alice.id });
      await store.commit(put({ ...alice, name: 'alicia' }, 1));
      await assert.rejects(store.commit(put(alice, 1)), StoreConflict);
      assert.equal((await store.get('identity', alice.id))?.value.name, 'alicia');
    });

    test('a delete holds only at the revision that it names, and of nothing is done already', async () => {
      await using opened = await body.open();
      const { store } = opened;
      const remove = (id: string, rev?: number): Commit => ({
        changes: [{ delete: 'identity', id, ...(rev === undefined ? {} : { rev }) }],
        events: [],
      });
      const alice = identity('alice');
      await store.commit(put(alice));
      await assert.rejects(store.commit(remove(alice.id, 2)), StoreConflict);
      await assert.rejects(store.commit(remove(alice.id, 0)), StoreConflict);
      await store.commit(remove(alice.id, 1));
      assert.equal(await store.get('identity', alice.id), undefined);
      await assert.rejects(store.commit(remove(alice.id, 1)), StoreConflict);
      await store.commit(remove(alice.id));
      await store.commit(remove(alice.id, 0));
    });

    test('a unique field is taken by one record, and free again after it', async () => {
      await using opened = await body.open();
      const { store } = opened;
      const alice = identity('alice');
      const other = identity('alice');
      await store.commit(put(alice));
      await assert.rejects(store.commit(put(other)), { name: 'StoreConflict', id: other.id });
      await assert.rejects(store.commit(put(other, 0)), StoreConflict);
      const bob = identity('bob');
      await store.commit(put(bob));
      await assert.rejects(store.commit(put({ ...bob, name: 'alice' }, 1)), StoreConflict);
      await assert.rejects(store.commit(put({ ...bob, name: 'alice' })), StoreConflict);
      await store.commit({ changes: [{ delete: 'identity', id: alice.id }], events: [] });
      await store.commit(put(other));
      assert.equal((await store.find('identity', { name: 'alice' }))?.value.id, other.id);
    });

    test('a commit is applied whole or not at all', async () => {
      await using opened = await body.open();
      const { store } = opened;
      const alice = identity('alice');
      const bob = identity('bob');
      await store.commit(put(alice));
      await assert.rejects(
        store.commit({
          changes: [
            { put: 'identity', value: bob },
            { put: 'identity', value: { ...alice, purpose: 'changed' } },
            { put: 'identity', value: identity('alice'), rev: 0 },
          ],
          events: [event('never')],
        }),
        StoreConflict,
      );
      assert.equal(await store.get('identity', bob.id), undefined);
      assert.deepEqual(await store.get('identity', alice.id), { value: alice, rev: 1 });
      assert.deepEqual(await notes(store), []);
    });

    test('a conflicting commit fails alone, whatever was committed in the same turn', async () => {
      await using opened = await body.open();
      const { store } = opened;
      const alice = identity('alice');
      const results = await Promise.allSettled([
        store.commit({ ...put(alice, 0), events: [event('one')] }),
        store.commit({ ...put(alice, 0), events: [event('two')] }),
        store.commit({ ...put({ ...alice, name: 'al' }, 1), events: [event('three')] }),
      ]);
      assert.deepEqual(
        results.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled'],
      );
      assert.deepEqual(await notes(store), ['one', 'three']);
      assert.equal((await store.get('identity', alice.id))?.value.name, 'al');
    });

    test('a one-time token is used once under 50 uses at the same time', async () => {
      await using opened = await body.open();
      const { store } = opened;
      const token = enrollment('hash');
      await store.commit({ changes: [{ put: 'enrollment', value: token, rev: 0 }], events: [] });
      const use = async (user: number): Promise<void> => {
        const found = await store.find('enrollment', { tokenHash: 'hash' });
        assert.equal(found?.value.usedAt, undefined);
        await store.commit({
          changes: [
            { put: 'enrollment', value: { ...token, usedAt: 1, usedBy: String(user) }, rev: found?.rev ?? 0 },
          ],
          events: [event(`used ${user}`)],
        });
      };
      const results = await Promise.allSettled(Array.from({ length: 50 }, (_, user) => use(user)));
      const winners = results.flatMap(({ status }, user) => (status === 'fulfilled' ? [user] : []));
      assert.equal(winners.length, 1);
      assert.deepEqual(await notes(store), [`used ${winners[0]}`]);
      assert.equal((await store.get('enrollment', token.id))?.value.usedBy, String(winners[0]));
    });

    test('filters narrow, together, and a count agrees with them', async () => {
      await using opened = await body.open();
      const { store } = opened;
      const live = session();
      const ended = session({ identity: live.identity, state: 'closed' });
      const other = session();
      const changes = [live, ended, other].map((value) => ({ put: 'session', value }) as const);
      await store.commit({ changes, events: [] });
      const ids = async (filter: Parameters<typeof store.list<'session'>>[1]): Promise<Set<string>> =>
        new Set((await store.list('session', filter)).items.map(({ value }) => value.id));
      assert.deepEqual(await ids({}), new Set([live.id, ended.id, other.id]));
      assert.deepEqual(await ids({ identity: live.identity }), new Set([live.id, ended.id]));
      assert.deepEqual(await ids({ identity: live.identity, live: true }), new Set([live.id]));
      assert.deepEqual(await ids({ live: false }), new Set([ended.id]));
      assert.equal(await store.count('session', { live: true }), 2);
      // A record moves between filters as it changes.
      await store.commit({
        changes: [{ put: 'session', value: { ...live, state: 'terminating' } }],
        events: [],
      });
      assert.equal(await store.count('session', { live: true }), 1);
    });

    test('pages go through a list once, by id and from the newest', async () => {
      await using opened = await body.open();
      const { store } = opened;
      const made = Array.from({ length: 25 }, (_, index) => lock(`number ${index}`));
      for (const value of made) await store.commit({ changes: [{ put: 'lock', value }], events: [] });
      const walk = async (order: 'id' | 'newest'): Promise<string[]> => {
        const seen: string[] = [];
        let after: string | undefined;
        do {
          const page = await store.list('lock', {}, { order, limit: 10, ...(after && { after }) });
          assert.ok(page.items.length <= 10);
          seen.push(...page.items.map(({ value }) => value.id));
          after = page.next;
        } while (after !== undefined);
        return seen;
      };
      assert.deepEqual(await walk('id'), made.map(({ id }) => id).sort());
      assert.deepEqual(await walk('newest'), made.map(({ id }) => id).toReversed());
    });

    test('a page that ends the list has no next, and a strange place to go on from is refused', async () => {
      await using opened = await body.open();
      const { store } = opened;
      await store.commit({
        changes: [
          { put: 'lock', value: lock() },
          { put: 'lock', value: lock() },
        ],
        events: [],
      });
      const exact = await store.list('lock', {}, { limit: 2 });
      assert.equal(exact.items.length, 2);
      assert.equal(exact.next, undefined);
      const { next } = await store.list('lock', {}, { limit: 1 });
      assert.ok(next);
      for (const after of ['', 'nonsense', next]) {
        await assert.rejects(
          store.list('lock', {}, { order: 'newest', after }),
          (error) => error instanceof SallyportError && error.code === 'invalid',
        );
      }
    });

    test('a page is never larger than its limit in core/limits', async () => {
      await using opened = await body.open();
      const { store } = opened;
      const changes = Array.from({ length: limits.apiPageMax + 1 }, () => ({
        put: 'lock' as const,
        value: lock(),
      }));
      await store.commit({ changes, events: [] });
      assert.equal((await store.list('lock', {})).items.length, limits.apiPageDefault);
      assert.equal((await store.list('lock', {}, { limit: 1_000_000 })).items.length, limits.apiPageMax);
    });

    test('what is changed after the call does not reach the store', async () => {
      await using opened = await body.open();
      const { store } = opened;
      const alice = { ...identity('alice') };
      const committed = store.commit(put(alice));
      Object.assign(alice, { name: 'mallory' });
      await committed;
      assert.equal((await store.get('identity', alice.id))?.value.name, 'alice');
    });

    test('a closed store closes again, has written what was queued, and takes nothing more', async () => {
      await using opened = await body.open();
      const { store } = opened;
      const queued = store.commit({ changes: [], events: [event('last')] });
      await Promise.all([store.close(), store.close()]);
      await store.close();
      assert.equal((await queued).length, 1);
      await assert.rejects(store.commit({ changes: [], events: [] }), StoreUnavailable);
      await assert.rejects(store.get('lock', 'x'), StoreUnavailable);
    });

    test('more commits than the queue holds are refused at once', async () => {
      await using opened = await body.open();
      const { store } = opened;
      const results = await Promise.allSettled(
        Array.from({ length: limits.commitQueueMax + 5 }, () => store.commit({ changes: [], events: [] })),
      );
      const refused = results.filter(({ status }) => status === 'rejected');
      assert.equal(refused.length, 5);
      assert.ok(refused.every((result) => 'reason' in result && result.reason instanceof StoreUnavailable));
    });
  });
}
