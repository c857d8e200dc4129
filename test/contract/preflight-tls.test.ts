// What preflight reads from the certificates that it is shown: a broker, another broker, or somebody else.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { before, test } from 'node:test';
import { apiDoor, linkDoor, type Shown } from '../../src/agent/preflight/tls-look.ts';
import {
  judgeTls,
  type KnownRoot,
  type TlsFacts,
  type TlsVerdict,
} from '../../src/agent/preflight/tls-verdict.ts';
import { SallyportError } from '../../src/core/errors.ts';
import { rootFingerprint } from '../../src/wire/roots.ts';
import { hourMs, makeLeaf, makeNamed, makePki, type Pki } from './pki-fixture.ts';

const now = Date.UTC(2030, 0, 1);
let pki: Pki;
let other: Pki;
let known: KnownRoot;
before(async () => {
  [pki, other] = await Promise.all([makePki(now), makePki(now)]);
  known = { fingerprint: rootFingerprint(pki.root.certificate), from: 'the token' };
});

async function chainOf(
  from: Pki,
  kind: 'gate' | 'authority' | 'device',
): Promise<readonly X509Certificate[]> {
  const leaf = await makeLeaf(from.issuing, kind, { now });
  return [leaf.certificatePem, from.issuing.certificatePem, from.root.certificatePem].map(
    (pem) => new X509Certificate(pem),
  );
}

function judge(shown: Shown, more: Partial<TlsFacts> = {}): TlsVerdict {
  const facts = { door: linkDoor, address: 'gate.example.com:7443', known: undefined, proxy: undefined, now };
  return judgeTls({ ...facts, shown, ...more });
}

function shown(chain: readonly X509Certificate[], alpn = 'sallyport-link', protocol = 'TLSv1.3'): Shown {
  return { chain, alpn, protocol };
}

test('a broker without anything that pins it says its root; with a token the root is compared', async () => {
  const chain = await chainOf(pki, 'gate');
  const bare = judge(shown(chain));
  assert.equal(bare.ok, true);
  assert.match(
    bare.detail,
    new RegExp(`the gate of "gate\\.example\\.com" answers; root ${known.fingerprint}, which`),
  );
  assert.equal(bare.rootFingerprint, known.fingerprint);
  assert.match(judge(shown(chain), { known }).detail, /the root is the one of the token$/);
});

test('L3 another broker than the token’s is told apart from what is no broker', async () => {
  const verdict = judge(shown(await chainOf(other, 'gate')), { known });
  assert.equal(verdict.ok, false);
  assert.match(verdict.detail, /is a broker, but not the one of the token: root \S+, not \S+$/);
  assert.match(verdict.next ?? '', /do not go on/);
});

test('L3 a captive portal and a proxy that looks into TLS are named by their certificates', async () => {
  const portal = new X509Certificate(await makeNamed([{ type: 'dns', value: 'portal.hotel.example' }], now));
  for (const facts of [{}, { known }]) {
    const verdict = judge(shown([portal]), facts);
    assert.equal(verdict.ok, false);
    assert.match(
      verdict.detail,
      /certificate of "portal\.hotel\.example", issued by "odd": that is no broker/,
    );
    assert.match(verdict.next ?? '', /captive portal/);
  }
  const through = judge(shown([portal]), { proxy: 'proxy:3128' });
  assert.match(through.next ?? '', /the proxy "proxy:3128" looks into TLS.*exception for "gate/);
  assert.match(judge(shown([])).detail, /showed no certificate/);
});

test('R7 a certificate’s own words do not reach the terminal as they are', async () => {
  const evil = new X509Certificate(await makeNamed([{ type: 'dns', value: 'x\u001b[2J' }], now));
  assert.doesNotMatch(judge(shown([evil])).detail, /\u001b/);
});

test('L4 the wrong part of a broker at a door is no broker there', async () => {
  const verdict = judge(shown(await chainOf(pki, 'authority')), { known });
  assert.equal(verdict.ok, false);
  assert.match(verdict.detail, /answers as "spiffe:.*\/authority\/.*", which is no gate/);
  assert.equal(
    judge(shown(await chainOf(pki, 'authority'), 'sallyport-public'), { door: apiDoor, known }).ok,
    true,
  );
});

test('dates that only a wrong clock makes bad are left to the check of the clock', async () => {
  const chain = await chainOf(pki, 'gate');
  const ahead = judge(shown(chain), { known, now: now + 48 * hourMs });
  assert.deepEqual([ahead.ok, ahead.dates], [true, 'expired']);
  const behind = judge(shown(chain), { now: now - 48 * hourMs });
  assert.deepEqual([behind.ok, behind.dates], [true, 'not_yet_valid']);
  // A foreign certificate that has expired as well is foreign first.
  const foreign = judge(shown(await chainOf(other, 'gate')), { known, now: now + 48 * hourMs });
  assert.deepEqual([foreign.ok, foreign.dates], [false, undefined]);
});

test('L3 a broker’s chain under an older TLS or another protocol is somebody in between', async () => {
  const chain = await chainOf(pki, 'gate');
  assert.match(judge(shown(chain, 'sallyport-link', 'TLSv1.2'), { known }).detail, /speaks TLSv1\.2/);
  assert.match(judge(shown(chain, 'h2'), { known }).detail, /another protocol inside/);
});

test('a handshake that fails says how', () => {
  for (const [code, message, words] of [
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'x', /answers, but not in TLS/],
    ['ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', 'x', /does not know "sallyport-link"/],
    ['ECONNRESET', 'x', /is closed when it asks for "sallyport-link"/],
    ['', 'the connection failed', /is closed when it asks for/],
    ['', '"gate" did not answer within 8 s', /did not answer within 8 s/],
    ['EHOSTUNREACH', '"gate" cannot be reached', /cannot be reached/],
  ] as const) {
    const verdict = judge({ code, fault: new SallyportError('unavailable', message) });
    assert.equal(verdict.ok, false);
    assert.match(verdict.detail, words);
    assert.ok((verdict.next ?? '').length > 0);
  }
  const api = judge({ code: 'ECONNRESET', fault: new SallyportError('unavailable', 'x') }, { door: apiDoor });
  assert.match(api.next ?? '', /the broker may know itself by another name/);
});
