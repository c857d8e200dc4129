// What an agent asks of a broker before it lets anything run: the right root and role, TLS 1.3, the
// authority's word for this link, and for each channel a pass of its own. The gate here is hostile.

import { test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { generateEd25519 } from '../../src/platform/keys.ts';
import { limits } from '../../src/core/limits.ts';
import { canonicalJson } from '../../src/core/json.ts';
import { loadState } from '../../src/agent/state.ts';
import { createTestCa } from '../doubles/test-ca.ts';
import { converse } from '../doubles/agent-channel.ts';
import {
  exec,
  sessionName,
  startAgentWorld,
  type AgentWorld,
  type GateLink,
  type OpenChanges,
  type WelcomeChanges,
  type WorldOptions,
} from '../doubles/agent-world.ts';

async function newWorld(t: TestContext, options?: WorldOptions): Promise<AgentWorld> {
  const world = await startAgentWorld(options);
  t.after(() => world.close());
  return world;
}

async function newLink(t: TestContext): Promise<{ readonly world: AgentWorld; readonly link: GateLink }> {
  const world = await newWorld(t);
  world.start();
  return { world, link: await world.nextLink() };
}

/** What the agent says of its first dial, in its log. */
function firstFault(world: AgentWorld): Promise<string> {
  return new Promise((resolve) => {
    world.start({
      log: {
        debug: () => undefined,
        info: () => undefined,
        error: () => undefined,
        warn: (fields, message) => {
          if (message === 'no link') resolve((fields as { readonly error?: string }).error ?? '');
        },
      },
    });
  });
}

test('L3 a broker whose certificate comes from another root is refused, in words', async (t) => {
  const foreign = await createTestCa();
  const world = await newWorld(t, { gateLeaf: () => foreign.leaf('gate', 'gate-1') });
  assert.match(await firstFault(world), /not the broker that was pinned/);
});

test('L3 a certificate of the right root but another role is no gate', async (t) => {
  const world = await newWorld(t, { gateLeaf: (ca) => ca.leaf('authority', 'authority') });
  assert.match(await firstFault(world), /is "authority" .* not "gate"/);
});

test('L5 a gate certificate that a leaf has signed is refused', async (t) => {
  const world = await newWorld(t, { gateLeaf: (ca) => ca.leafOfLeaf('gate', 'gate-1') });
  assert.match(await firstFault(world), /another root|failed/);
});

test('L3 a broker that speaks TLS 1.2 only is refused', async (t) => {
  const world = await newWorld(t, { maxVersion: 'TLSv1.2' });
  assert.match(await firstFault(world), /the connection to .* failed/);
});

test('a broker with an expired certificate is refused, and the clock is named', async (t) => {
  const world = await newWorld(t, {
    gateLeaf: (ca) => ca.leaf('gate', 'gate-1', { notAfter: new Date(Date.now() - 60_000) }),
  });
  assert.match(await firstFault(world), /has expired: the clock here is ahead/);
});

test('L3 an expired gate is heard until it shows the time: signed time closes its link, or proves the clock wrong', async (t) => {
  const notAfter = Date.now() - 60_000;
  const world = await newWorld(t, {
    gateLeaf: async (ca) => {
      const leaf = await ca.leaf('gate', 'gate-1', { notAfter: new Date(notAfter) });
      return { ...leaf, cert: leaf.cert + ca.root };
    },
  });
  world.start();
  const late = await world.nextLink();
  await assert.rejects(late.welcome(), { code: 'pass_expired' });
  const inTime = await world.nextLink();
  await inTime.welcome({ welcome: { time: notAfter - 10_000 } });
  // From here on the true time is known: the same certificate is out of date, and refused before any hello.
  const channel = await converse(await inTime.open(exec('true')));
  assert.deepEqual((await channel.ended).exit, { code: 0 });
});

test('L3 an expired gate of another root is refused although dates are not looked at', async (t) => {
  const foreign = await createTestCa();
  const world = await newWorld(t, {
    gateLeaf: async () => {
      const leaf = await foreign.leaf('gate', 'gate-1', { notAfter: new Date(Date.now() - 60_000) });
      return { ...leaf, cert: leaf.cert + foreign.root };
    },
  });
  assert.match(await firstFault(world), /not the broker that was pinned|has expired/);
});

test('R-010 a connected link grants nothing: before the welcome every channel is refused', async (t) => {
  const { link } = await newLink(t);
  await assert.rejects(async () => converse(await link.open(exec('true'))), { code: 'no_signed_time' });
});

test('L19 channel kinds that are not served are refused by name', async (t) => {
  const { link } = await newLink(t);
  await link.welcome();
  for (const kind of ['http', 'x11', 'socks', 'agent', '', '../exec']) {
    await assert.rejects(async () => converse(await link.open(exec('true'), { kind })), {
      code: 'kind_unsupported',
    });
  }
});

test('anything but the paths of the protocol is not there', async (t) => {
  const { link } = await newLink(t);
  for (const path of ['/', '/status', '/hello/', '/channels']) {
    await assert.rejects(link.client.ask({ path }), { code: 'not_found' });
  }
  await assert.rejects(link.client.ask({ path: '/hello', method: 'GET' }), { code: 'not_found' });
});

test('a link version that the agent does not speak is refused with words', async (t) => {
  const { link } = await newLink(t);
  await assert.rejects(link.client.ask({ path: '/hello', body: JSON.stringify({ versions: [2, 3] }) }), {
    code: 'version_unsupported',
    message: /speaks link version 1/,
  });
});

test('a hello is said once a link', async (t) => {
  const { link } = await newLink(t);
  const body = JSON.stringify({ versions: [1] });
  await assert.rejects(link.client.ask({ path: '/hello', body }), { code: 'conflict' });
});

const hostileWelcomes: readonly (readonly [string, WelcomeChanges, string])[] = [
  ['signed by a key of its own', { signer: generateEd25519().privateKey }, 'pass_signature'],
  ['for another device', { welcome: { device: 'dev_other' } }, 'pass_device'],
  ['of an earlier link', { welcome: { linkNonce: 'n'.repeat(43) } }, 'pass_link'],
  ['of a lower state epoch', { welcome: { stateEpoch: 0 } }, 'pass_epoch'],
  ['with a keyset older than the one here', { keyset: { version: 2 } }, 'pass_epoch'],
  ['with a keyset of another broker', { keyset: { trustDomain: 'other.example' } }, 'pass_signature'],
  ['with a keyset that has expired', { keyset: { notAfter: 1 } }, 'pass_expired'],
  ['with a lease for another link', { lease: { linkNonce: 'other' } }, 'pass_link'],
];

for (const [what, changes, code] of hostileWelcomes) {
  test(`L7 a welcome ${what} is refused with ${code}, and the agent closes the link`, async (t) => {
    const { link } = await newLink(t);
    await assert.rejects(link.welcome(changes), { code });
    assert.equal((await link.client.closed).reason, 'peer_closed');
  });
}

test('a raised state epoch and a newer keyset are remembered, and what is older is refused from then on', async (t) => {
  const { world, link } = await newLink(t);
  await link.welcome({ welcome: { stateEpoch: 4 }, keyset: { version: 9 } });
  const state = await loadState(world.stateDir);
  assert.equal(state?.stateEpoch, 4);
  assert.equal(state?.keysetVersion, 9);
  await assert.rejects(async () => converse(await link.open(exec('true'))), { code: 'pass_epoch' });
});

const other = canonicalJson({ argv: ['reboot'], env: {}, kind: 'exec' });
const hostileOpens: readonly (readonly [string, OpenChanges, string])[] = [
  ['without a pass', { headers: { 'sallyport-pass': '' } }, 'pass_malformed'],
  ['for another device', { pass: { device: 'dev_other' } }, 'pass_device'],
  ['of another link', { pass: { linkNonce: 'other' } }, 'pass_link'],
  ['of a lower state epoch', { pass: { stateEpoch: 0 } }, 'pass_epoch'],
  ['with a changed argv', { params: other }, 'pass_params'],
  ['on the path of another kind', { kind: 'shell' }, 'pass_kind'],
  ['after its start-by', { pass: { startBy: 1 } }, 'pass_expired'],
  ['after its end', { pass: { mustEndAt: 1 } }, 'pass_expired'],
  ['of a session that ended', { pass: { leaseSeq: 0 } }, 'lease_stale'],
  ["without the operator's signature", { withoutOpen: true }, 'open_missing'],
  [
    "with the operator's signature for another session",
    { open: { session: sessionName() } },
    'open_signature',
  ],
  ['for the key of another operator', { pass: { cnf: 'x'.repeat(43) } }, 'open_signature'],
];

for (const [what, changes, code] of hostileOpens) {
  test(`L7 a channel ${what} is refused with ${code}, and starts nothing`, async (t) => {
    const { world, link } = await newLink(t);
    await link.welcome();
    await assert.rejects(async () => converse(await link.open(exec('true'), changes)), { code });
    assert.deepEqual(world.told, []);
  });
}

test('L7 a pass is good once; a hostile gate that replays it gets pass_replayed', async (t) => {
  const { link } = await newLink(t);
  await link.welcome();
  const session = sessionName();
  const first = await converse(await link.open(exec('true'), { session, n: 5 }));
  assert.deepEqual((await first.ended).exit, { code: 0 });
  await assert.rejects(async () => converse(await link.open(exec('true'), { session, n: 5 })), {
    code: 'pass_replayed',
  });
});

test('a new link voids the passes of the one before', async (t) => {
  const { world, link } = await newLink(t);
  await link.welcome();
  link.client.abort();
  const next = await world.nextLink();
  await next.welcome();
  assert.notEqual(next.linkNonce, link.linkNonce);
  await assert.rejects(
    async () => converse(await next.open(exec('true'), { pass: { linkNonce: link.linkNonce } })),
    { code: 'pass_link' },
  );
});

test('L13 a frame that is not one ends its channel, and no other', async (t) => {
  const { link } = await newLink(t);
  await link.welcome();
  const bad = await converse(await link.open(exec('sleep', '600')));
  const good = await converse(await link.open(exec('cat')));
  bad.stream.write(Buffer.from([0x7f, 0, 0, 1, 0]));
  assert.equal((await bad.ended).how, 'cut');
  await good.stdin('still here');
  good.endStdin();
  assert.equal((await good.ended).out, 'still here');
});

test('parameters over their limit are refused', async (t) => {
  const { link } = await newLink(t);
  await link.welcome();
  const long = 'x'.repeat(limits.paramsMaxBytes);
  await assert.rejects(async () => converse(await link.open(exec('echo', long))), { code: 'pass_params' });
});
