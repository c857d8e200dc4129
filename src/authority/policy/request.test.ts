import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toCedarRequest } from './request.ts';
import { anaId, noon, pump, question } from './sample-facts.ts';

test('what is unknown is absent, or has the value that grants least', () => {
  assert.deepEqual(toCedarRequest(question()).context, {
    now: { __extn: { fn: 'datetime', arg: '2026-11-22T12:00:00.000Z' } },
    approvals: 0,
    inWindow: false,
  });
});

test('known facts reach the context under the names of the schema', () => {
  const { context } = toCedarRequest(
    question({
      context: {
        now: noon,
        sourceIp: '10.0.0.1',
        argv: ['systemctl', 'restart', 'nginx'],
        user: 'svc',
        mfaAgeMs: 300_001,
        approvals: 2,
        ticket: 'CHG-1',
        inWindow: true,
      },
    }),
  );
  assert.deepEqual(context, {
    now: { __extn: { fn: 'datetime', arg: '2026-11-22T12:00:00.000Z' } },
    sourceIp: { __extn: { fn: 'ip', arg: '10.0.0.1' } },
    command: 'systemctl restart nginx',
    program: 'systemctl',
    argc: 3,
    user: 'svc',
    mfaAgeSeconds: 301,
    approvals: 2,
    ticket: 'CHG-1',
    inWindow: true,
  });
});

test('an MFA from the future is not known', () => {
  assert.equal('mfaAgeSeconds' in toCedarRequest(question({ context: { mfaAgeMs: -1 } })).context, false);
});

test('IPv4 inside IPv6 and a zone are taken off an address', () => {
  const read = (sourceIp: string): unknown =>
    toCedarRequest(question({ context: { sourceIp } })).context['sourceIp'];
  assert.deepEqual(read('::ffff:10.1.2.3'), { __extn: { fn: 'ip', arg: '10.1.2.3' } });
  assert.deepEqual(read('::FFFF:10.1.2.3'), { __extn: { fn: 'ip', arg: '10.1.2.3' } });
  assert.deepEqual(read('fe80::1%eth0'), { __extn: { fn: 'ip', arg: 'fe80::1' } });
});

test('the kind of an identity is the type of the principal', () => {
  for (const [kind, type] of [
    ['human', 'Human'],
    ['machine', 'Machine'],
    ['ai_agent', 'AiAgent'],
  ] as const) {
    assert.deepEqual(toCedarRequest(question({ principal: { kind } })).principal, { type, id: anaId });
  }
});

test('a service is named below its device and carries its labels and owner', () => {
  const request = toCedarRequest(question({ action: 'http', service: 'web' }));
  assert.deepEqual(request.resource, { type: 'Service', id: `${pump.id}/web` });
  const service = request.entities.find(({ uid }) => 'type' in uid && uid.type === 'Service');
  assert.deepEqual(service?.parents, [{ type: 'Device', id: pump.id }]);
  assert.deepEqual(service?.tags, { site: 'lyon' });
  assert.equal(service?.attrs['name'], 'web');
  assert.equal('id' in (service?.attrs ?? {}), false);
});
