import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionEnd } from '../link/session-life.ts';
import { linkEndFault } from './link-end.ts';

const facts = { livedMs: 30_000, proxy: 'proxy:3128', address: 'gate:7443' };
const ended = (reason: SessionEnd['reason'], comeBack?: SessionEnd['comeBack']): SessionEnd => ({
  reason,
  error: undefined,
  comeBack,
});

test('a link that ends without a word behind a proxy is laid at its door, with how long it lived', () => {
  for (const reason of ['peer_closed', 'socket'] as const) {
    const fault = linkEndFault({ ...facts, end: ended(reason) });
    assert.match(fault?.message ?? '', /through the proxy "proxy:3128" was ended after 30s/);
    assert.match(fault?.next ?? '', /connections to "gate:7443"/);
  }
});

test('a broker that said so, an end of our own, and a link without a proxy need no words', () => {
  assert.equal(linkEndFault({ ...facts, end: ended('peer_closed', { minMs: 1, maxMs: 2 }) }), undefined);
  for (const reason of ['closed', 'aborted', 'dead', 'flood', 'protocol'] as const)
    assert.equal(linkEndFault({ ...facts, end: ended(reason) }), undefined);
  const said = {
    ...ended('peer_closed'),
    error: new Error('the peer gave the connection up, HTTP/2 code 8'),
  };
  assert.equal(linkEndFault({ ...facts, end: said }), undefined);
  assert.equal(linkEndFault({ ...facts, proxy: undefined, end: ended('socket') }), undefined);
});
