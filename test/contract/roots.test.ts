// A broker whose root was replaced three times: whoever pinned any of its roots reaches it by real TLS and by our
// own check of the chain, and follows to the newest; nobody else makes a root.

import assert from 'node:assert/strict';
import type { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { createServer, type Server } from 'node:tls';
import { createIssuingCa, createNewWithOld, createRoot } from '../../src/authority/pki/ca.ts';
import { signKeyset } from '../../src/authority/pki/keyset.ts';
import { limits } from '../../src/core/limits.ts';
import { dialByRoot } from '../../src/link/dial-by-root.ts';
import { generateP256, privatePem } from '../../src/platform/keys.ts';
import { systemRandom as random } from '../../src/platform/random.ts';
import { presentedChain, verifyFirstContact } from '../../src/wire/chain.ts';
import { openKeyset, withSuccessors } from '../../src/wire/keyset.ts';
import { rootFingerprint } from '../../src/wire/roots.ts';
import { makeLeaf, trustDomain } from './pki-fixture.ts';

const now = Date.now();
const makeRoot = () => createRoot({ trustDomain, privateKey: generateP256().privateKey, now, random });
const first = await makeRoot();
const second = await makeRoot();
const third = await makeRoot();
const newest = await makeRoot();
const successors = [
  await createNewWithOld(first, second, random),
  await createNewWithOld(second, third, random),
  await createNewWithOld(third, newest, random),
];
const issuing = await createIssuingCa(newest, {
  trustDomain,
  privateKey: generateP256().privateKey,
  now,
  random,
});
const shown = [...successors.toReversed(), first.certificate].map(String).join('');
const pins = [first, second, third, newest].map(({ certificate }) => certificate);
const stranger = (await makeRoot()).certificate;

let server: Server;
before(async () => {
  const gate = await makeLeaf(issuing, 'gate', { now });
  server = createServer({
    key: privatePem(gate.privateKey),
    cert: gate.chainPem + shown,
    minVersion: 'TLSv1.3',
  });
  server.on('secureConnection', (socket) => socket.on('error', () => undefined));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(() => server.close());

async function dial(root: X509Certificate): Promise<readonly X509Certificate[]> {
  const { socket } = await dialByRoot({
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    alpn: 'sallyport-link',
    root: root.toString(),
    trustDomain,
    kind: 'gate',
    trueTime: () => now,
  });
  const chain = presentedChain(socket);
  socket.destroy();
  return chain;
}

test('each root that it had, and each as the one before signed it, is a pin that TLS believes', async () => {
  for (const pin of [...pins, ...successors]) assert.equal((await dial(pin)).length, 6);
  await assert.rejects(dial(stranger), /comes from another root/);
});

test('L3 the chain on the socket leads from each of its roots to the leaf, and from no other', async () => {
  const chain = await dial(newest.certificate);
  for (const pin of pins) {
    const answer = verifyFirstContact(chain, { rootFingerprint: rootFingerprint(pin), kind: 'gate', now });
    assert.ok(answer.ok, rootFingerprint(pin));
    assert.equal(rootFingerprint(answer.root), rootFingerprint(pin));
  }
  const expected = { rootFingerprint: rootFingerprint(stranger), kind: 'gate', now } as const;
  assert.deepEqual(verifyFirstContact(chain, expected), { ok: false, fault: 'wrong_root' });
  // One of those in between is missing: what is left does not hold together.
  const pinned = { rootFingerprint: rootFingerprint(first.certificate), kind: 'gate', now } as const;
  assert.deepEqual(verifyFirstContact(chain.toSpliced(3, 1), pinned), { ok: false, fault: 'not_issued' });
});

test('a keyset of the newest root opens for every pin, and says what to pin from now on', () => {
  const keyset = { version: 4, trustDomain, env: 'prod', notAfter: now + 1_000, keys: [] };
  const text = withSuccessors(signKeyset(keyset, newest.privateKey), successors);
  for (const pin of [...pins, ...successors]) {
    const opened = openKeyset(text, pin);
    assert.deepEqual(opened?.keyset, keyset);
    assert.equal(opened.root.publicKey.equals(newest.certificate.publicKey), true);
  }
  assert.equal(openKeyset(text, stranger), undefined);
  // The first root's own signature means nothing to who has followed.
  const old = withSuccessors(signKeyset({ ...keyset, version: 9 }, first.privateKey), successors);
  assert.equal(openKeyset(old, successors[2] ?? stranger), undefined);
});

test('what is no successor leads nowhere: an issuing CA, another root, garbage, too many', async () => {
  const keyset = { version: 4, trustDomain, env: 'prod', notAfter: now + 1_000, keys: [] };
  const byIssuing = signKeyset(keyset, issuing.privateKey);
  assert.equal(openKeyset(withSuccessors(byIssuing, [issuing.certificate]), newest.certificate), undefined);
  const byStranger = await makeRoot();
  const statement = signKeyset(keyset, byStranger.privateKey);
  assert.equal(openKeyset(withSuccessors(statement, [byStranger.certificate]), first.certificate), undefined);
  const own = signKeyset(keyset, first.privateKey);
  assert.ok(openKeyset(`${own} AAAA`, first.certificate) !== undefined);
  assert.equal(openKeyset(own + ' AAAA'.repeat(limits.rootsMax), first.certificate), undefined);
});
