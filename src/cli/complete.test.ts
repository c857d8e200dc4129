import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wantedFor } from './complete.ts';

function words(...typed: readonly string[]): readonly string[] | string {
  const wanted = wantedFor(typed);
  return typeof wanted === 'string' ? wanted : wanted.map(({ word }) => word);
}

test('first words, then verbs of the noun', () => {
  assert.ok(words('').includes('exec'));
  assert.ok(!words('').includes('__complete'));
  assert.deepEqual(words('sessions', ''), ['ls', 'show', 'end']);
  assert.ok(!words('broker', '').includes('gate'));
});

test('an argument wants its kind of thing, also behind flags and their values', () => {
  assert.equal(words('shell', ''), 'target');
  assert.equal(words('shell', '--for', '8h', ''), 'target');
  assert.equal(words('exec', '-t', 'pu'), 'target');
  assert.deepEqual(words('roles', 'grant', 'ana', ''), [
    'owner',
    'administrator',
    'operator',
    'approver',
    'auditor',
  ]);
});

test('a flag that takes a value wants that', () => {
  assert.equal(words('lock', 'add', '--device', ''), 'device');
  assert.deepEqual(words('lock', 'add', '--reason', ''), []);
});

test('after the target of exec comes "--", and then the shell knows better', () => {
  assert.deepEqual(words('exec', 'pump-7', ''), ['--']);
  assert.deepEqual(words('exec', 'pump-7', '--', ''), []);
});

test('a dash wants flags', () => {
  assert.ok(words('devices', 'ls', '-').includes('--where'));
});

test('unknown words want nothing', () => {
  assert.deepEqual(words('frobnicate', ''), []);
});
