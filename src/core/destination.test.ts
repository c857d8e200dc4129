import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatPeer, isLoopback, isPeer, parseIp, readHost, refusalOf } from './destination.ts';

const whatOf = (text: string): string | undefined => {
  const address = parseIp(text);
  assert.ok(address !== undefined, text);
  return refusalOf(address);
};

const octet = fc.nat(255);
const dotted = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'));
const groups = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 });
/** Like addresses, and nearly. */
const nearly = fc.stringMatching(/^[0-9a-fx:.%]{0,24}$/);

test('an address is what node calls one, but for zones', () => {
  fc.assert(
    fc.property(fc.oneof(dotted, fc.ipV6(), fc.ipV4(), fc.ipV4Extended(), nearly), (text) => {
      assert.equal(parseIp(text) !== undefined, isIP(text) !== 0 && !text.includes('%'), text);
    }),
    { numRuns: 2_000 },
  );
});

test('an address has one spelling: whatever way it is written, it is read as that', () => {
  fc.assert(
    fc.property(groups, (parts) => {
      const full = parts.map((part) => part.toString(16).padStart(4, '0')).join(':');
      const address = parseIp(full);
      assert.ok(address !== undefined);
      // The platform's URL parser spells IPv6 by RFC 5952 too.
      if (address.family === 6) assert.equal(`[${address.text}]`, new URL(`http://[${full}]`).hostname);
      assert.deepEqual(parseIp(address.text), address);
      assert.deepEqual(parseIp(full.toUpperCase()), address);
      if (address.text !== full) assert.equal(readHost(full).form, 'refused');
      assert.equal(readHost(address.text).form, 'address');
    }),
  );
});

test('L9 10.0.0.1 is itself: 110.0.0.10, 10.0.0.1.evil and 010.0.0.1 are three other things', () => {
  assert.equal(readHost('10.0.0.1').form, 'address');
  const other = readHost('110.0.0.10');
  assert.ok(other.form === 'address' && other.address.text === '110.0.0.10');
  assert.deepEqual(readHost('10.0.0.1.evil'), { form: 'name', name: '10.0.0.1.evil' });
  assert.equal(readHost('010.0.0.1').form, 'refused');
});

test('L10 decimal, octal, hexadecimal and short forms are no host at all', () => {
  const forms = [
    '2130706433',
    '127.1',
    '127.0.1',
    '0177.0.0.1',
    '0x7f.0.0.1',
    '0x7f000001',
    '017700000001',
    '0',
    '0x',
    '127.0.0.1.',
    '1.2.3.4.5',
    '256.1.1.1',
    'a.b.0x7f',
    'example.1',
    ' 127.0.0.1',
    '127.0.0.1 ',
    '127.0.0.1\n',
    'LOCALHOST',
    'fe80::1%eth0',
    '[::1]',
    '::1]',
    '１２７.0.0.1',
    'a..b',
    '.a',
    'a.',
    '-a',
    'a-',
    '',
    'a'.repeat(64),
    `${'a.'.repeat(127)}ab`,
  ];
  for (const text of forms) assert.equal(readHost(text).form, 'refused', JSON.stringify(text));
});

test('L10 an IPv4 address in an IPv6 coat is that IPv4 address, and is written without the coat', () => {
  fc.assert(
    fc.property(dotted, (text) => {
      const coated = parseIp(`::ffff:${text}`);
      assert.deepEqual(coated, parseIp(text));
      assert.equal(readHost(`::ffff:${text}`).form, 'refused');
    }),
  );
  assert.match(whatOf('::ffff:169.254.169.254') ?? '', /metadata/);
  assert.match(whatOf('::ffff:a9fe:a9fe') ?? '', /metadata/);
  const loopback = parseIp('::ffff:7f00:1');
  assert.ok(loopback !== undefined && isLoopback(loopback));
});

test('L10 the addresses that no forward goes to, each with its words', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['169.254.169.254', /metadata/],
    ['100.100.100.200', /metadata/],
    ['fd00:ec2::254', /metadata/],
    ['fd20:ce::254', /metadata/],
    ['169.254.0.1', /link-local/],
    ['fe80::1', /link-local/],
    ['febf::1', /link-local/],
    ['0.0.0.0', /nobody/],
    ['0.1.2.3', /nobody/],
    ['::', /nobody/],
    ['224.0.0.1', /multicast/],
    ['239.255.255.255', /multicast/],
    ['ff02::1', /multicast/],
    ['255.255.255.255', /broadcast/],
    ['240.0.0.1', /reserved/],
    ['64:ff9b::a9fe:a9fe', /metadata/],
    ['64:ff9b::7f00:1', /loopback/],
    ['2002:7f00:1::', /loopback/],
    ['2002:a9fe:a9fe::1', /metadata/],
    ['::127.0.0.1', /loopback/],
    ['::ffff:0:127.0.0.1', /loopback/],
  ];
  for (const [text, words] of cases) assert.match(whatOf(text) ?? '', words, text);
  for (const text of ['10.0.0.1', '192.168.1.1', '168.63.129.17', '223.255.255.255', '2001:db8::1'])
    assert.equal(whatOf(text), undefined, text);
  for (const text of ['fd00::1', 'fec0::1', '64:ff9b::a00:1', '127.0.0.1', '::1'])
    assert.equal(whatOf(text), undefined, text);
});

test('every address of a refused range is refused, in every coat', () => {
  fc.assert(
    fc.property(octet, octet, fc.constantFrom('', '::ffff:', '64:ff9b::'), (c, d, coat) => {
      assert.notEqual(whatOf(`${coat}169.254.${c}.${d}`), undefined);
      assert.notEqual(whatOf(`${coat}224.${c}.${d}.1`), undefined);
    }),
  );
});

test('a name is names of lower-case letters, digits, hyphens and underscores', () => {
  for (const name of [
    'localhost',
    'db',
    'db.lan',
    '_sip.example.com',
    '7-up.example',
    'xn--bcher-kva.example',
  ])
    assert.deepEqual(readHost(name), { form: 'name', name });
});

test('a peer is written in one form, and nothing else is one', () => {
  fc.assert(
    fc.property(fc.oneof(dotted, fc.ipV6()), fc.integer({ min: 1, max: 65_535 }), (text, port) => {
      const address = parseIp(text);
      assert.ok(address !== undefined && isPeer(formatPeer(address, port)));
    }),
  );
  for (const text of ['1.2.3.4', 'db:1', '::1:5', '1.2.3.4:5\n', '[::1%eth0]:1', 7]) assert.ok(!isPeer(text));
});
