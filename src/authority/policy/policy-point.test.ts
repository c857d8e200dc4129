import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import * as fc from 'fast-check';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { actions, type Decision } from '../../core/decision.ts';
import { SallyportError } from '../../core/errors.ts';
import type { DeviceId, IdentityId } from '../../core/ids.ts';
import { limits } from '../../core/limits.ts';
import { PolicyPoint } from './policy-point.ts';
import { toCedarRequest } from './request.ts';
import { ana, anaId, pointWith, pump, question, revision } from './sample-facts.ts';
import { schemaText } from './schema.ts';

const open: PolicyPoint[] = [];
afterEach(() => {
  for (const point of open.splice(0)) point.close();
});

function loaded(text: string): PolicyPoint {
  const point = pointWith(text);
  open.push(point);
  return point;
}

function code(decision: Decision): string {
  return decision.outcome === 'allow' ? 'allow' : decision.code;
}

const shellForOperators =
  '@id("ops") permit(principal in Role::"operator", action == Action::"shell", resource);';
/** Passes every check and overflows when there are two approvals or more. */
const overflow = 'context.approvals * 9223372036854775807 < 0';

test('without a revision the answer is no_policy', () => {
  const point = new PolicyPoint();
  open.push(point);
  assert.deepEqual(point.decide(question()), {
    outcome: 'deny',
    revision: undefined,
    policies: [],
    code: 'no_policy',
    help: [],
  });
});

test('a permit answers yes with its id, the revision and the default obligations', () => {
  const point = loaded(shellForOperators);
  assert.deepEqual(point.decide(question()), {
    outcome: 'allow',
    revision: revision({}).id,
    policies: ['ops'],
    obligations: { maxSessionMs: limits.sessionDefaultMs, idleMs: limits.idleDefaultMs },
  });
});

test('what no policy permits is denied', () => {
  const point = loaded(shellForOperators);
  assert.equal(code(point.decide(question({ action: 'exec' }))), 'not_permitted');
  assert.equal(code(point.decide(question({ principal: { roles: [] } }))), 'not_permitted');
  assert.equal(code(loaded('').decide(question())), 'not_permitted');
});

test('a forbid beats every permit and is named', () => {
  const point = loaded(
    `${shellForOperators} @id("stop") forbid(principal, action, resource) when { resource.name == "pump-7" };`,
  );
  const decision = point.decide(question());
  assert.equal(code(decision), 'forbidden');
  assert.deepEqual(decision.policies, ['stop']);
  assert.equal(code(point.decide(question({ device: { name: 'pump-8' } }))), 'allow');
});

test('labels decide, and a device without the label is not a device with another value', () => {
  const point = loaded(
    'permit(principal, action, resource) when { resource.hasTag("site") && resource.getTag("site") == "lyon" };',
  );
  assert.equal(code(point.decide(question())), 'allow');
  assert.equal(code(point.decide(question({ device: { labels: { site: 'paris' } } }))), 'not_permitted');
  assert.equal(code(point.decide(question({ device: { labels: {} } }))), 'not_permitted');
});

test('an evaluation error in a forbid denies although a permit matches', () => {
  const point = loaded(
    `${shellForOperators} @id("broken") forbid(principal, action, resource) when { ${overflow} };`,
  );
  assert.equal(code(point.decide(question())), 'allow');
  const decision = point.decide(question({ context: { approvals: 2 } }));
  assert.equal(code(decision), 'evaluation_error');
  assert.deepEqual(decision.policies, ['broken']);
});

test('an evaluation error in a permit denies although another permit matches', () => {
  const point = loaded(
    `${shellForOperators} @id("broken") permit(principal, action, resource) when { ${overflow} };`,
  );
  assert.equal(code(point.decide(question({ context: { approvals: 2 } }))), 'evaluation_error');
});

test('an error in a policy about another action, principal or device does not deny', () => {
  const point = loaded(`${shellForOperators}
    forbid(principal, action == Action::"exec", resource) when { ${overflow} };
    forbid(principal in Role::"administrator", action, resource) when { ${overflow} };
    forbid(principal, action, resource == Device::"dev_${'0'.repeat(26)}") when { ${overflow} };`);
  assert.equal(code(point.decide(question({ context: { approvals: 2 } }))), 'allow');
});

test('a question that does not fit the schema is denied, never thrown', () => {
  const point = loaded('permit(principal, action, resource);');
  const bad = [
    question({ context: { now: Number.NaN } }),
    question({ context: { now: 1e18 } }),
    question({ context: { sourceIp: 'not an address' } }),
    question({ context: { approvals: 0.5 } }),
    question({ action: 'shell', service: 'web' }),
    question({ action: 'fly' as 'shell' }),
    question({ principal: { roles: ['root' as 'operator'] } }),
  ];
  for (const each of bad) assert.equal(code(point.decide(each)), 'evaluation_error', JSON.stringify(each));
});

test('across tenants the answer is no, whatever a policy says', () => {
  const point = loaded('permit(principal, action, resource);');
  const explained = point.explain(question({ principal: { tenant: 'other' } }));
  assert.equal(code(explained.decision), 'not_permitted');
  assert.match(explained.why, /different tenants/);
});

test('a machine with the id of a person is not that person, nor an owner', () => {
  const point = loaded(`permit(principal == Human::"${anaId}", action == Action::"shell", resource);
    permit(principal, action == Action::"exec", resource) when { resource.owner == principal };`);
  for (const action of ['shell', 'exec'] as const) {
    const owned = question({ action, device: { owner: anaId } });
    assert.equal(code(point.decide(owned)), 'allow');
    for (const kind of ['machine', 'ai_agent'] as const) {
      assert.equal(code(point.decide({ ...owned, principal: { ...ana, kind } })), 'not_permitted');
    }
  }
});

test('names and ids with quotes, newlines and escapes are only data', () => {
  const point = loaded('permit(principal, action, resource) when { principal.name == "boss" };');
  const hostile = [
    'boss"',
    'x" || true || "',
    'boss\n',
    'boss\0',
    '"};\npermit(principal, action, resource);//',
    '\\u{62}oss',
  ];
  for (const name of hostile) {
    const decision = point.decide(
      question({
        principal: { name, id: name as IdentityId },
        device: { name, id: name as DeviceId, labels: { x: name } },
        context: { user: name, ticket: name, argv: [name] },
      }),
    );
    assert.equal(code(decision), 'not_permitted', name);
  }
});

test('an IPv4 client on a dual-stack socket is still in its range', () => {
  const point = loaded(
    `${shellForOperators} forbid(principal, action, resource) when { context has sourceIp && context.sourceIp.isInRange(ip("10.0.0.0/8")) };`,
  );
  assert.equal(code(point.decide(question({ context: { sourceIp: '::ffff:10.9.9.9' } }))), 'forbidden');
  assert.equal(code(point.decide(question({ context: { sourceIp: '110.0.0.10' } }))), 'allow');
});

test('the strictest obligation of all permitting policies holds, and only of those', () => {
  const point = loaded(`
    @maxSession("4h") @banner("b") @id("b") permit(principal, action, resource);
    @maxSession("1h") @idle("30m") @user("svc") @banner("a") @id("a") permit(principal, action, resource);
    @maxSession("1m") @idle("1m") @user("other") permit(principal, action, resource) when { context.inWindow };`);
  const decision = point.decide(question());
  assert.ok(decision.outcome === 'allow');
  assert.deepEqual(decision.obligations, {
    maxSessionMs: 3_600_000,
    idleMs: 1_800_000,
    user: 'svc',
    banner: 'a\nb',
  });
});

test('permitting policies that demand different users deny with obligation_conflict', () => {
  const point = loaded(
    '@id("a") @user("x") permit(principal, action, resource); @id("b") @user("y") permit(principal, action, resource);',
  );
  const { decision, why } = point.explain(question());
  assert.equal(code(decision), 'obligation_conflict');
  assert.deepEqual(decision.policies, ['a', 'b']);
  assert.match(why, /different users: x, y/);
});

test('an invalid revision is refused and the one before stays in force', () => {
  const point = loaded(shellForOperators);
  for (const text of [
    'permit(',
    '@record("all") permit(principal, action, resource);',
    'permit(principal, action, resource) when { context.x };',
  ]) {
    assert.throws(
      () => point.load(revision({ f: text }, 2)),
      (error) => error instanceof SallyportError && error.code === 'policy_invalid',
    );
    assert.equal(point.revision?.number, 1);
    assert.equal(code(point.decide(question())), 'allow');
  }
});

test('a new revision replaces the old one whole, and none at all grants nothing', () => {
  const point = loaded(shellForOperators);
  for (let number = 2; number < 8; number += 1) {
    const action = number % 2 === 0 ? 'exec' : 'shell';
    point.load(revision({ f: `permit(principal, action == Action::"${action}", resource);` }, number));
    assert.deepEqual(point.could(question()), [action]);
    assert.equal(point.decide(question()).revision, revision({}, number).id);
  }
  point.load(undefined);
  assert.equal(code(point.decide(question())), 'no_policy');
});

test('decision points do not see each other, and a closed one says no for ever', () => {
  const first = loaded(shellForOperators);
  const second = loaded('permit(principal, action == Action::"exec", resource);');
  assert.deepEqual(first.could(question()), ['shell']);
  assert.deepEqual(second.could(question()), ['exec']);
  second.close();
  second.close();
  const third = loaded('permit(principal, action == Action::"http", resource);');
  assert.deepEqual(third.could(question()), ['http']);
  assert.deepEqual(first.could(question()), ['shell']);
  assert.equal(code(second.decide(question({ action: 'exec' }))), 'no_policy');
  assert.throws(() => second.load(revision({})), /closed/);
});

test('who can: exactly those identities to whom the answer is yes', () => {
  const point = loaded(shellForOperators);
  const people = [
    ana,
    { ...ana, name: 'bo', roles: ['administrator'] as const },
    { ...ana, name: 'cy', tenant: 'other' },
  ];
  const { principal: _, ...rest } = question();
  assert.deepEqual(
    point.whoCan(rest, people).map(({ name }) => name),
    ['ana'],
  );
});

test('what was answered once is answered anew where anything that policy reads has changed', () => {
  const until = '@id("day") permit(principal, action == Action::"shell", resource) when';
  const timed = loaded(`${until} { context.now < datetime("2026-01-01T12:00:00Z") };`);
  const noon = Date.parse('2026-01-01T12:00:00Z');
  const at = (now: number) => code(timed.decide(question({ context: { now } })));
  assert.deepEqual([noon - 1, noon - 1, noon, noon - 1].map(at), [
    'allow',
    'allow',
    'not_permitted',
    'allow',
  ]);

  const labelled = loaded(`${until} { resource.hasTag("site") && resource.getTag("site") == "lyon" };`);
  const asked = [
    question({ device: { labels: { site: 'lyon' } } }),
    question({ device: { labels: { site: 'paris' } } }),
    question({ device: { labels: { site: 'lyon' } }, context: { sourceIp: 'no address' } }),
    question({ device: { labels: { site: 'lyon' } }, principal: { tenant: 'other' } }),
    question({ device: { labels: { site: 'lyon' } } }),
  ];
  const answers = ['allow', 'not_permitted', 'evaluation_error', 'not_permitted', 'allow'];
  assert.deepEqual(
    asked.map((one) => code(labelled.decide(one))),
    answers,
  );
  labelled.load(revision({ 'site.cedar': '' }));
  assert.equal(code(labelled.decide(question({ device: { labels: { site: 'lyon' } } }))), 'not_permitted');
});

test('explain lists every policy that could apply, whether it matched, and its error', () => {
  const point = loaded(`
    @id("b-permit") permit(principal, action, resource);
    @id("a-forbid") forbid(principal, action, resource) when { context.inWindow };
    @id("c-broken") permit(principal, action, resource) when { ${overflow} };
    @id("d-unmet") permit(principal in Role::"administrator", action, resource);
    @id("e-hit") forbid(principal, action == Action::"shell", resource);
    @id("f-elsewhere") permit(principal, action == Action::"exec", resource);`);
  const { considered, why } = point.explain(question({ context: { approvals: 2 } }));
  assert.deepEqual(
    considered.map(({ policy, effect, matched, error }) => [policy, effect, matched, error !== undefined]),
    [
      ['a-forbid', 'forbid', false, false],
      ['b-permit', 'permit', true, false],
      ['c-broken', 'permit', false, true],
      ['d-unmet', 'permit', false, false],
      ['e-hit', 'forbid', true, false],
    ],
  );
  assert.match(considered[2]?.error ?? '', /overflow/);
  assert.match(why, /"c-broken" could not be evaluated/);
});

test('explain agrees with decide and repeats its help', () => {
  const point = loaded('permit(principal, action, resource) when { context.approvals >= 1 };');
  const { decision, help } = point.explain(question());
  assert.deepEqual(decision, point.decide(question()));
  assert.deepEqual(help, ['an approval']);
});

test('sharding by action changes no answer', () => {
  const scopeAction = fc.oneof(
    fc.constant('action'),
    fc.constantFrom(...actions).map((action) => `action == Action::"${action}"`),
    fc
      .uniqueArray(fc.constantFrom(...actions), { minLength: 1, maxLength: 4 })
      .map((some) => `action in [${some.map((action) => `Action::"${action}"`).join(', ')}]`),
  );
  const condition = fc.constantFrom(
    'true',
    'context.approvals >= 1',
    'resource.hasTag("site")',
    'principal.name == "bo"',
    'action == Action::"shell"',
    overflow,
  );
  const policy = fc
    .record({
      effect: fc.constantFrom('permit', 'permit', 'forbid'),
      who: fc.constantFrom('principal', 'principal in Role::"operator"', 'principal is Machine'),
      scopeAction,
      condition,
    })
    .map((p) => `${p.effect}(${p.who}, ${p.scopeAction}, resource) when { ${p.condition} };`);
  const asked = fc
    .record({
      kind: fc.constantFrom('human' as const, 'machine' as const),
      name: fc.constantFrom('ana', 'bo'),
      approvals: fc.integer({ min: 0, max: 2 }),
      labelled: fc.boolean(),
    })
    .map(
      (facts) => (action: (typeof actions)[number]) =>
        question({
          action,
          principal: { kind: facts.kind, name: facts.name },
          device: { labels: facts.labelled ? { site: 'x' } : {} },
          context: { approvals: facts.approvals },
        }),
    );
  fc.assert(
    fc.property(fc.array(policy, { maxLength: 6 }), asked, (policies, ask) => {
      const text = policies.join('\n');
      const point = pointWith(text);
      try {
        for (const action of actions) {
          const whole = cedar.isAuthorized({
            ...toCedarRequest(ask(action)),
            policies: { staticPolicies: text },
            schema: schemaText,
            validateRequest: true,
          });
          assert.ok(whole.type === 'success');
          const failed = whole.response.diagnostics.errors.length > 0;
          const decision = point.decide(ask(action));
          assert.equal(decision.outcome, failed ? 'deny' : whole.response.decision);
          if (failed) assert.equal(code(decision), 'evaluation_error');
          else assert.equal(decision.policies.length, whole.response.diagnostics.reason.length);
        }
      } finally {
        point.close();
      }
    }),
    { numRuns: 12 },
  );
});

test('the labels of a device reach policy as they are, and a service is decided by them too', () => {
  const point = loaded(
    'permit(principal, action, resource) when { resource.hasTag("a.b/c") && resource.getTag("a.b/c") == "x y" };',
  );
  assert.equal(
    code(
      point.decide(
        question({ action: 'http', service: 'web', device: { ...pump, labels: { 'a.b/c': 'x y' } } }),
      ),
    ),
    'allow',
  );
});
