import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ApprovedRequest } from './check-approval.ts';
import { UsedRequests } from './used-requests.ts';

const now = 1_000_000;
const session = { session: 'ses_1', linkNonce: 'one' };

function approved(changes: Partial<ApprovedRequest> = {}): ApprovedRequest {
  const usual = { request: 'req_1', digest: 'd1', usableUntil: now + 1_000, forMs: 500 };
  return { ...usual, counters: new Map(), ...changes };
}

async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-used-'));
  t.after(async () => await rm(dir, { recursive: true, force: true }));
  return dir;
}

async function codeOf(answer: ReturnType<UsedRequests['use']>): Promise<string> {
  const said = await answer;
  return said.ok ? `until ${said.endsAt - now}` : said.code;
}

test('one session of one link uses it, for as long as was approved', async (t) => {
  const used = await UsedRequests.open(await folder(t));
  assert.equal(await codeOf(used.use(approved(), session, now)), 'until 500');
  assert.equal(await codeOf(used.use(approved(), session, now + 499)), 'until 500', 'a later channel');
  assert.equal(await codeOf(used.use(approved(), session, now + 500)), 'approval_expired');
  const elsewhere = { ...session, linkNonce: 'two' };
  assert.equal(
    await codeOf(used.use(approved(), elsewhere, now)),
    'approval_used',
    'the same id on another link',
  );
  assert.equal(await codeOf(used.use(approved(), { ...session, session: 'ses_2' }, now)), 'approval_used');
  used.end('ses_1');
  assert.equal(await codeOf(used.use(approved(), session, now)), 'approval_used', 'it has ended');
});

test('what was used is known to the next run, and two at once are one', async (t) => {
  const dir = await folder(t);
  const used = await UsedRequests.open(dir);
  const both = [session, { ...session, session: 'ses_2' }].map(
    async (one) => await codeOf(used.use(approved(), one, now)),
  );
  assert.deepEqual(await Promise.all(both), ['until 500', 'approval_used']);
  const next = await UsedRequests.open(dir);
  assert.equal(await codeOf(next.use(approved(), { ...session, linkNonce: 'two' }, now)), 'approval_used');
});

test('late is late, and a counter counts for one request', async (t) => {
  const used = await UsedRequests.open(await folder(t));
  assert.equal(await codeOf(used.use(approved(), session, now + 1_000)), 'approval_expired');
  const counters = new Map([['passkey', 7]]);
  assert.equal(await codeOf(used.use(approved({ counters }), session, now)), 'until 500');
  const other = approved({ digest: 'd2', counters });
  assert.equal(await codeOf(used.use(other, { ...session, session: 'ses_2' }, now)), 'approval_used');
  const lower = approved({ digest: 'd3', counters: new Map([['passkey', 6]]) });
  assert.equal(await codeOf(used.use(lower, { ...session, session: 'ses_3' }, now)), 'until 500');
});
