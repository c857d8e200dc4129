// Links and gates as the authority sees them: who may hold a link, which of two counts, and that no order
// is lost between a gate's registration and the stream that its orders come by.

import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, type ClientHttp2Session } from 'node:http2';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { addAbortSignal } from 'node:stream';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { issueCredential } from '../../src/authority/enroll/credentials.ts';
import { holdDevice } from '../../src/authority/enroll/hold-device.ts';
import { acceptLink } from '../../src/authority/gates/accept-link.ts';
import { serveControl } from '../../src/authority/gates/control-server.ts';
import { endSession } from '../../src/authority/sessions/end-session.ts';
import { placeLock } from '../../src/authority/sessions/place-lock.ts';
import type { Commit, Store } from '../../src/authority/store/store.ts';
import { newId, type SessionId } from '../../src/core/ids.ts';
import { createCsr } from '../../src/platform/csr.ts';
import { generateP256 } from '../../src/platform/keys.ts';
import { controlVersion, type LinkBody, type Order } from '../../src/wire/control.ts';
import { keyFinder } from '../../src/wire/keyset.ts';
import { readWelcome } from '../../src/wire/link-statements.ts';
import { spkiThumbprint, verifyStatement } from '../../src/wire/signed.ts';
import { codeOf } from '../doubles/refusal.ts';
import {
  addDevice,
  addPerson,
  channel,
  gateName,
  logged,
  makeWorld,
  open,
  settle,
  type LinkedDevice,
  type Person,
  type World,
} from './authority-world.ts';

let world: World;
let ana: Person;
let pump: LinkedDevice;

beforeEach(async () => {
  world = await makeWorld();
  ana = await addPerson(world, 'ana');
  pump = await addDevice(world, 'pump-7');
});
afterEach(async () => await world.close());

const answerWithinMs = 5_000;
const system = { kind: 'system', id: 'test' } as const;

/** What a gate says of a device that came with this key under the device's own name. */
async function linkBody(key = pump.key, more: Partial<LinkBody['hello']> = {}): Promise<LinkBody> {
  const publicKey = createPublicKey(key);
  const { chainPem } = await issueCredential(world.ctx, {
    id: pump.device.id,
    kind: 'device',
    key: { publicKey, spki: spkiThumbprint(publicKey) },
  });
  const leaf = chainPem.split('-----END CERTIFICATE-----')[0] ?? '';
  return {
    link: newId('lnk', world.ctx.random.bytes(16)),
    certificate: Buffer.from(leaf.replace(/-----BEGIN CERTIFICATE-----/, ''), 'base64').toString('base64url'),
    remoteAddress: '192.0.2.9',
    hello: { version: 1, agentVersion: '0', linkNonce: 'n', stateEpoch: 1, platform: 'linux-x64', ...more },
  };
}

/** A store whose commits of one kind wait until they are let go. */
function holding(
  store: Store,
  isHeld: (commit: Commit) => boolean,
): { readonly store: Store; readonly letGo: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const held = new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (name !== 'commit' || typeof value !== 'function') {
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      }
      return async (commit: Commit) => {
        if (isHeld(commit)) await promise;
        return await target.commit(commit);
      };
    },
  });
  return { store: held, letGo: resolve };
}

async function openLive(): Promise<SessionId> {
  const opened = await open(world, ana, 'pump-7');
  await channel(world, ana, { session: opened.session.id, target: 'pump-7', linkNonce: opened.linkNonce });
  return opened.session.id as SessionId;
}

test("L6 a second key under a device's name is refused, on the log, and the live link stays", async () => {
  const thief = generateP256().privateKey;
  assert.equal(await codeOf(acceptLink(world.ctx, gateName, await linkBody(thief))), 'wrong_kind');
  assert.equal((await logged(world)).at(-1), 'link.refused(wrong_kind)');
  assert.equal(world.ctx.gates.linkOf(pump.device.id), pump.link);
});

test('L6 the same key again takes over at once: the older link is closed and its sessions end', async () => {
  const session = await openLive();
  const body = await linkBody();
  const accepted = await acceptLink(world.ctx, gateName, body);
  assert.equal(accepted.linkEpoch, 2);
  assert.equal(world.ctx.gates.linkOf(pump.device.id)?.id, body.link);
  assert.ok(world.orders.some((order) => order.type === 'closeLink' && order.link === pump.link.id));
  assert.equal(world.ctx.sessions.get(session), undefined);
});

test('L3 a device certificate of an issuing CA that is no longer taken opens no link, though the root signed it', async () => {
  const body = await linkBody();
  const pki = { ...world.ctx.pki, acceptedIssuers: [new X509Certificate(world.ctx.pki.rootPem)] };
  assert.equal(await codeOf(acceptLink({ ...world.ctx, pki }, gateName, body)), 'unauthenticated');
  assert.equal((await logged(world)).at(-1), 'link.refused(unauthenticated)');
  await acceptLink(world.ctx, gateName, await linkBody());
});

test('R-046 a welcome asks for the receipts that are missing, of this device and of ended sessions alone', async () => {
  const gone = await openLive();
  await endSession(world.ctx, { session: gone, reason: 'exit', by: system });
  const valve = await addDevice(world, 'valve-1');
  const other = await open(world, ana, 'valve-1');
  const about = { session: other.session.id, target: 'valve-1', linkNonce: other.linkNonce };
  await channel(world, ana, about);
  await endSession(world.ctx, { session: other.session.id as SessionId, reason: 'exit', by: system });
  assert.notEqual(valve.device.id, pump.device.id);
  const live = await openLive();
  world.ctx.gates.dropLink(pump.link.id);
  const { welcome } = await acceptLink(world.ctx, gateName, await linkBody());
  const opened = verifyStatement('welcome', welcome, keyFinder(world.ctx.pki.keyset, 'pass'));
  assert.ok(opened.ok);
  assert.deepEqual(readWelcome(opened.payload)?.awaited, [gone]);
  assert.ok(world.ctx.sessions.get(live) !== undefined);
});

test('L6 of two links that come up at once the later one counts, however long the log takes', async () => {
  const { store, letGo } = holding(world.store, ({ events }) =>
    events.some(({ type }) => type === 'link.closed'),
  );
  const slow = { ...world.ctx, store };
  const first = acceptLink(slow, gateName, await linkBody());
  await settle();
  const latest = await linkBody();
  const second = acceptLink(slow, gateName, latest);
  await settle();
  letGo();
  const [one, two] = await Promise.all([first, second]);
  assert.ok(two.linkEpoch > one.linkEpoch);
  assert.equal(world.ctx.gates.linkOf(pump.device.id)?.id, latest.link);
  assert.equal([...world.ctx.gates.links()].length, 1);
});

test('a lock that is placed while its device comes up refuses the link', async () => {
  const { store, letGo } = holding(world.store, ({ events }) =>
    events.some(({ type }) => type === 'link.opened'),
  );
  const linking = acceptLink({ ...world.ctx, store }, gateName, await linkBody());
  await settle();
  const lock = { kind: 'device', id: pump.device.id } as const;
  await placeLock(world.ctx, {
    tenant: 'default',
    selector: lock,
    reason: 'stolen',
    by: system,
    createdBy: 'system',
  });
  letGo();
  assert.equal(await codeOf(linking), 'locked');
  assert.equal((await logged(world)).at(-1), 'link.closed(lock)');
  assert.equal(world.ctx.gates.linkOf(pump.device.id), undefined);
});

test('I14 of two copies of a key neither gets a link, nor keeps one that came up meanwhile', async () => {
  const order = { device: pump.device.id, why: 'clone', by: system, events: [] } as const;
  const body = await linkBody();
  const coming = Promise.allSettled([acceptLink(world.ctx, gateName, body)]);
  await holdDevice(world.ctx, order);
  const [link] = await coming;
  const isClosed = world.orders.some((sent) => sent.type === 'closeLink' && sent.link === body.link);
  assert.ok(link.status === 'rejected' || isClosed);
  assert.equal(await codeOf(acceptLink(world.ctx, gateName, await linkBody())), 'not_accepted');
  assert.ok((await logged(world)).includes('link.refused(not_accepted)'));
});

test('a device that is pending has its link: it can be seen, and nothing more', async () => {
  await holdDevice(world.ctx, { device: pump.device.id, why: 'pending', by: system, events: [] });
  await acceptLink(world.ctx, gateName, await linkBody());
});

test('I14 a device that has seen a later state epoch is refused: an older database was put back', async () => {
  const body = await linkBody(pump.key, { stateEpoch: 2 });
  assert.equal(await codeOf(acceptLink(world.ctx, gateName, body)), 'pass_epoch');
  assert.equal((await logged(world)).at(-1), 'link.refused(pass_epoch)');
});

test('a gate that does not read its orders loses what it carries, 15 s after its stream ended', async () => {
  const session = await openLive();
  const control = await startControl();
  try {
    const orders = control.open('/gate/orders');
    await once(orders, 'response');
    await settle();
    // Not read: what is sent piles up until the authority gives the stream up.
    orders.pause();
    const lease = 'l'.repeat(1_000_000);
    for (let sent = 0; sent < 40; sent++)
      world.ctx.gates.send(gateName, { type: 'lease', link: 'lnk', lease });
    await once(orders.resume(), 'close');
    await settle();
    assert.ok(!world.ctx.gates.isConnected(gateName));
    world.clock.advance(15_000);
    await settle();
    assert.equal(world.ctx.sessions.get(session), undefined);
    assert.ok((await logged(world)).includes('gate.disconnected'));
  } finally {
    await control.close();
  }
});

test('what is cut between registration and orders is cut by the first order', async () => {
  const session = await openLive();
  const other = await openLive();
  const control = await startControl();
  try {
    const { privateKey } = generateP256();
    const registered = control.post('/gate/register', {
      version: controlVersion,
      gate: gateName,
      csr: await createCsr(privateKey),
      links: [{ link: pump.link.id, device: pump.device.id, linkNonce: pump.link.linkNonce }],
      sessions: [session, other],
    });
    assert.deepEqual((await registered)['cutSessions'], []);
    await endSession(world.ctx, { session, reason: 'lock', by: system });
    const orders = await control.orders(2);
    assert.ok(orders.some((order) => order.type === 'cut' && order.sessions.includes(session)));
    assert.ok(!orders.some((order) => order.type === 'cut' && order.sessions.includes(other)));
    // And the device hears at once: its last lease may be as old as the authority was away.
    assert.ok(orders.some((order) => order.type === 'lease' && order.link === pump.link.id));
  } finally {
    await control.close();
  }
});

test('a link whose device is locked between registration and orders is closed by the first order', async () => {
  const control = await startControl();
  try {
    const { privateKey } = generateP256();
    await control.post('/gate/register', {
      version: controlVersion,
      gate: gateName,
      csr: await createCsr(privateKey),
      links: [{ link: pump.link.id, device: pump.device.id, linkNonce: pump.link.linkNonce }],
      sessions: [],
    });
    const selector = { kind: 'device', id: pump.device.id } as const;
    await placeLock(world.ctx, {
      tenant: 'default',
      selector,
      reason: 'stolen',
      by: system,
      createdBy: 'system',
    });
    const orders = await control.orders(1);
    assert.deepEqual(orders[0], { type: 'closeLink', link: pump.link.id, reason: 'lock' });
  } finally {
    await control.close();
  }
});

for (const line of ['', '{}', '{"id":1}', '{"id":-1,"path":"/x","body":{}}', 'x'.repeat(3_000_000)]) {
  test(`a gate that asks "${line.slice(0, 40)}" is given up at once`, async () => {
    const control = await startControl();
    try {
      const stream = control.open('/gate/asks');
      stream.write(`${line}\n`);
      await once(stream, 'close');
    } finally {
      await control.close();
    }
  });
}

test('an ask that nobody answers for is answered with a problem', async () => {
  const control = await startControl();
  try {
    const { problem } = await control.ask('/gate/launch', {});
    assert.equal((problem as { readonly code: string }).code, 'not_found');
  } finally {
    await control.close();
  }
});

interface Control {
  open(path: string): ReturnType<ClientHttp2Session['request']>;
  /** The answer, whatever it is. */
  ask(path: string, body: object): Promise<Readonly<Record<string, unknown>>>;
  /** The body of a good answer. */
  post(path: string, body: object): Promise<Readonly<Record<string, unknown>>>;
  /** The first `count` orders of a new stream. */
  orders(count: number): Promise<readonly Order[]>;
  close(): Promise<void>;
}

/** A gate's own connection to a real control socket; the world's gate is not connected any more. */
async function startControl(): Promise<Control> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-control-'));
  const path = join(folder, 'control.sock');
  const server = await serveControl(world.ctx, path);
  const session = connect('http://authority', { createConnection: () => createConnection({ path }) });
  session.on('error', () => undefined);
  const open = (method: string, where: string) => {
    const stream = session.request({ ':method': method, ':path': where, 'sallyport-gate': gateName });
    // A failing test ends in words instead of waiting for orders that never come.
    addAbortSignal(AbortSignal.timeout(answerWithinMs), stream);
    stream.on('error', () => undefined);
    return stream;
  };
  const ask = async (where: string, body: object): Promise<Readonly<Record<string, unknown>>> => {
    const stream = open('POST', '/gate/asks');
    stream.write(`${JSON.stringify({ id: 7, path: where, body })}\n`);
    const [{ id, ...answer } = { id: 0 }] = await lines<{ id: number }>(stream, 1);
    assert.equal(id, 7);
    return answer;
  };
  const sink = (): boolean => true;
  world.ctx.gates.connect(gateName, sink);
  world.ctx.gates.disconnect(gateName, sink);
  return {
    open: (where) => open('POST', where),
    ask,
    async post(where, body) {
      const { body: answer } = await ask(where, body);
      return answer as Readonly<Record<string, unknown>>;
    },
    orders: async (count) => await lines<Order>(open('GET', '/gate/orders'), count),
    async close() {
      session.destroy();
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The first `count` lines of a stream of JSON. */
async function lines<Line>(
  stream: ReturnType<ClientHttp2Session['request']>,
  count: number,
): Promise<Line[]> {
  const read: Line[] = [];
  let text = '';
  for await (const chunk of stream.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk;
    const whole = text.split('\n');
    text = whole.pop() ?? '';
    for (const line of whole) read.push(JSON.parse(line) as Line);
    if (read.length >= count) break;
  }
  return read;
}
