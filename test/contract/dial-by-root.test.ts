// A dial where the clock here may be wrong (negative test L3): what is refused although dates are not looked at,
// and what is refused once they can be. Real TLS on loopback; the wrong clock is a certificate that has ended.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { createServer } from 'node:tls';
import { dialByRoot, type Rooted } from '../../src/link/dial-by-root.ts';
import { privatePem } from '../../src/platform/keys.ts';
import { hourMs, makeLeaf, makePki, trustDomain, type LeafWithKey, type Pki } from './pki-fixture.ts';

const now = Date.now();
const then = now - 48 * hourMs;
const pki = await makePki(then);
const foreign = await makePki(then);

interface Shown {
  readonly by?: Pki;
  readonly leaf: LeafWithKey;
  readonly trueTime?: number;
  readonly domain?: string;
}

async function dial(t: TestContext, { by = pki, leaf, trueTime, domain }: Shown): Promise<Rooted> {
  const cert = leaf.chainPem + by.root.certificatePem;
  const server = createServer({ key: privatePem(leaf.privateKey), cert, minVersion: 'TLSv1.3' });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => assert.fail('nothing may be said'));
    t.after(() => socket.destroy());
  });
  t.after(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const rooted = await dialByRoot({
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    alpn: 'sallyport-link',
    root: pki.root.certificatePem,
    trustDomain: domain ?? trustDomain,
    kind: 'gate',
    trueTime: () => trueTime,
  });
  t.after(() => rooted.socket.destroy());
  return rooted;
}

const ended = await makeLeaf(pki.issuing, 'gate', { now: then });

test('L3 without a true time a gate whose certificate has ended is reached, and is to be looked at again', async (t) => {
  const { undated } = await dial(t, { leaf: ended });
  assert.deepEqual(
    undated?.map(({ subject }) => subject?.includes('Sallyport')),
    [false, true, true],
  );
});

test('L3 a certificate within its dates needs no second look', async (t) => {
  const { undated } = await dial(t, { leaf: await makeLeaf(pki.issuing, 'gate', { now }) });
  assert.equal(undated, undefined);
});

test('L3 where the true time is known an ended certificate is refused, and one that holds by it is not', async (t) => {
  await assert.rejects(dial(t, { leaf: ended, trueTime: now }), /has expired/);
  const { undated } = await dial(t, { leaf: ended, trueTime: then + hourMs / 2 });
  assert.equal(undated, undefined);
});

test('L3 an ended certificate of another root is refused, whatever the clock', async (t) => {
  const leaf = await makeLeaf(foreign.issuing, 'gate', { now: then });
  await assert.rejects(dial(t, { leaf, by: foreign }));
  await assert.rejects(dial(t, { leaf, by: foreign, trueTime: then + hourMs / 2 }));
  // With our root hung behind it.
  await assert.rejects(dial(t, { leaf }));
});

test('L3 L4 an ended certificate of another role, or for another trust domain, is refused', async (t) => {
  for (const kind of ['device', 'authority', 'human'] as const) {
    await assert.rejects(dial(t, { leaf: await makeLeaf(pki.issuing, kind, { now: then }) }));
  }
  await assert.rejects(dial(t, { leaf: ended, domain: 'gate.example.org' }));
});
