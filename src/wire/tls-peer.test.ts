import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameIn, peerOf } from './tls-peer.ts';

const uri = 'URI:spiffe://gate.example.com/prod/gate/g1';
const name = { trustDomain: 'gate.example.com', env: 'prod', kind: 'gate', id: 'g1' };

test('the one SPIFFE name is found, with and without host names beside it', () => {
  assert.deepEqual(nameIn(uri), name);
  assert.deepEqual(nameIn(`${uri}, DNS:gate.example.com, IP Address:127.0.0.1`), name);
  assert.deepEqual(nameIn(`DNS:gate.example.com, ${uri}`), name);
});

for (const [text, fault] of [
  [undefined, 'no_name'],
  ['', 'no_name'],
  ['DNS:gate.example.com', 'no_name'],
  [`${uri}, ${uri}`, 'several_names'],
  [`${uri}, URI:https://example.com`, 'several_names'],
  ['URI:https://example.com', 'odd_name'],
  ['URI:', 'odd_name'],
  [`DNS:x,${uri}`, 'no_name'],
  [`DNS:"x, ${uri}"`, 'odd_name'],
  [`URI:"spiffe://gate.example.com/prod/gate/g1\\u0000"`, 'odd_name'],
  [`email:a@b, ${uri}`, 'odd_name'],
  [`othername:<unsupported>, ${uri}`, 'odd_name'],
  [`DirName:CN = x, ${uri}`, 'odd_name'],
  [` ${uri}`, 'odd_name'],
] as const) {
  test(`the subject names ${JSON.stringify(text)} are refused: ${fault}`, () => {
    assert.equal(nameIn(text), fault);
  });
}

test('a peer that sent no certificate is nobody', () => {
  assert.equal(peerOf(undefined), 'no_certificate');
});
