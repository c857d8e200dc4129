import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { SallyportError } from '../../src/core/errors.ts';
import type { PeerKind } from '../../src/core/identity.ts';
import { privatePem } from '../../src/platform/keys.ts';
import { presentedChain, verifyFirstContact } from '../../src/wire/chain.ts';
import { rootFingerprint } from '../../src/wire/roots.ts';
import { peerOf, serverKindCheck } from '../../src/wire/tls-peer.ts';
import { makeLeaf, makeLeafSigned, makePki, trustDomain, type LeafWithKey } from './pki-fixture.ts';

// Node checks dates against the machine's own clock.
const now = Date.now();
const { root, issuing } = await makePki(now);
const ca = root.certificatePem;

interface Outcome {
  /** What the client says: undefined when it accepted the server. */
  readonly clientError: Error | undefined;
  /** What the server says of the client's certificate. */
  readonly clientAccepted: boolean;
  readonly socket: TLSSocket;
}

/** One handshake over loopback between two holders of certificates; `look` sees the open client socket. */
async function handshake(
  server: LeafWithKey,
  client: LeafWithKey,
  options: {
    readonly expectedKind?: PeerKind;
    readonly serverChain?: string;
    readonly firstContact?: boolean;
    readonly look?: (socket: TLSSocket) => void;
  } = {},
): Promise<Outcome> {
  const listener = createServer({
    key: privatePem(server.privateKey),
    cert: options.serverChain ?? server.chainPem,
    ca,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.3',
  });
  let clientAccepted = false;
  listener.on('secureConnection', (socket: TLSSocket) => {
    clientAccepted = socket.authorized && typeof peerOf(socket.getPeerX509Certificate()) === 'object';
    socket.on('error', () => socket.destroy());
    socket.end('x');
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const socket = connect({
    host: '127.0.0.1',
    port: (listener.address() as AddressInfo).port,
    key: privatePem(client.privateKey),
    cert: client.chainPem,
    ca,
    rejectUnauthorized: options.firstContact !== true,
    checkServerIdentity: serverKindCheck(options.expectedKind ?? 'gate', trustDomain),
    minVersion: 'TLSv1.3',
  });
  try {
    const clientError = await new Promise<Error | undefined>((resolve) => {
      socket.once('error', resolve);
      socket.once('secureConnect', () => {
        options.look?.(socket);
        socket.once('end', () => resolve(undefined));
        socket.resume();
      });
    });
    return { clientError, clientAccepted, socket };
  } finally {
    socket.destroy();
    listener.close();
    await once(listener, 'close');
  }
}

const gate = await makeLeaf(issuing, 'gate', { now });
const device = await makeLeaf(issuing, 'device', { now });

test('a gate and a device of one root accept each other', async () => {
  const outcome = await handshake(gate, device);
  assert.equal(outcome.clientError, undefined);
  assert.equal(outcome.clientAccepted, true);
});

test('L5 a server certificate signed by a leaf is refused by TLS', async () => {
  for (const signer of [device, gate]) {
    const evil = await makeLeafSigned(signer, 'gate', now);
    const { clientError } = await handshake(evil, device);
    // Node may have no code for the fault (it says UNSPECIFIED); OpenSSL's words are what is known. Which of
    // the two comes first depends on the order of its checks.
    assert.match(
      clientError?.message ?? 'accepted',
      /invalid CA certificate|key usage does not include certificate signing/,
    );
  }
});

test('L5 a client certificate signed by a leaf is refused by TLS', async () => {
  for (const signer of [device, gate]) {
    const evil = await makeLeafSigned(signer, 'device', now);
    const outcome = await handshake(gate, evil);
    assert.equal(outcome.clientAccepted, false);
  }
});

test('a gate certificate presented as the authority is refused, and the other way round', async () => {
  const api = await makeLeaf(issuing, 'authority', { now });
  const human = await makeLeaf(issuing, 'human', { now });
  const { clientError } = await handshake(gate, human, { expectedKind: 'authority' });
  assert.ok(clientError instanceof SallyportError);
  assert.equal(clientError.code, 'wrong_kind');
  assert.match(clientError.message, /is "gate" of "gate\.example\.com", not "authority"/);
  const other = await handshake(api, human, { expectedKind: 'gate' });
  assert.ok(other.clientError instanceof SallyportError);
  const right = await handshake(api, human, { expectedKind: 'authority' });
  assert.equal(right.clientError, undefined);
});

test('a gate of another trust domain is refused, though our root signed it', async () => {
  const stranger = await makeLeaf(issuing, 'gate', { now, domain: 'other.example.com' });
  const { clientError } = await handshake(stranger, device);
  assert.ok(clientError instanceof SallyportError);
  assert.equal(clientError.code, 'wrong_kind');
});

test('L3 a device certificate cannot serve as a gate', async () => {
  const { clientError } = await handshake(device, device);
  assert.ok(clientError !== undefined);
});

test('L3 a server of another root is refused', async () => {
  const foreign = await makePki(now);
  const { clientError } = await handshake(await makeLeaf(foreign.issuing, 'gate', { now }), device);
  assert.ok(clientError !== undefined && 'code' in clientError);
});

test('at first contact the whole chain is seen on the socket and checked by fingerprint', async () => {
  const expected = { rootFingerprint: rootFingerprint(root.certificate), kind: 'gate', now } as const;
  const foreign = await makePki(now);
  const fake = await makeLeaf(foreign.issuing, 'gate', { now });
  const answers: string[] = [];
  const look = (socket: TLSSocket): void => {
    const answer = verifyFirstContact(presentedChain(socket), expected);
    answers.push(answer.ok ? answer.peer.id : answer.fault);
  };
  const withRoot = gate.chainPem + ca;
  await handshake(gate, device, { firstContact: true, serverChain: withRoot, look });
  const fakeChain = fake.chainPem + foreign.root.certificatePem;
  await handshake(fake, device, { firstContact: true, serverChain: fakeChain, look });
  const evil = await makeLeafSigned(device, 'gate', now);
  await handshake(evil, device, { firstContact: true, serverChain: evil.chainPem + ca, look });
  assert.deepEqual(answers, ['gate-1', 'wrong_root', 'chain_length']);
});
