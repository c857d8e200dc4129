// Who may do what with the broker itself: by the house's own rules, and by policies that name it.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { houseActions, type HouseAction } from '../../core/decision.ts';
import type { Identity, Role } from '../../core/identity.ts';
import type { IdentityId, PolicyRevisionId } from '../../core/ids.ts';
import { checkPolicies } from './check.ts';
import { PolicyPoint } from './policy-point.ts';

const now = Date.parse('2026-11-27T10:00:00Z');
let point = new PolicyPoint();
afterEach(() => {
  point.close();
  point = new PolicyPoint();
});

function who(roles: readonly Role[], kind: Identity['kind'] = 'human'): Identity {
  return { id: 'idn_1' as IdentityId, kind, name: 'ana', roles, tenant: 'default', createdAt: 0 };
}

function apply(text: string): void {
  const files = { 'house.cedar': text };
  assert.deepEqual(checkPolicies(files).ok, true);
  point.load({
    id: 'pol_1' as PolicyRevisionId,
    tenant: 'default',
    number: 1,
    files,
    hash: '',
    appliedBy: 'system',
    appliedAt: now,
  });
}

function may(principal: Identity, action: HouseAction, sourceIp?: string) {
  return point.decideHouse({ principal, action, now, ...(sourceIp === undefined ? {} : { sourceIp }) });
}

function rightsOf(principal: Identity): readonly HouseAction[] {
  return houseActions.filter((action) => may(principal, action).isAllowed);
}

test('before anything is applied: owners and administrators all, auditors see, others nothing', () => {
  assert.deepEqual(rightsOf(who(['owner'])), houseActions);
  assert.deepEqual(rightsOf(who(['administrator'])), houseActions);
  assert.deepEqual(rightsOf(who(['auditor'])), ['inspect']);
  for (const role of ['operator', 'approver', 'vendor'] as const) assert.deepEqual(rightsOf(who([role])), []);
  assert.deepEqual(may(who(['auditor']), 'inspect').policies, ['(auditors)']);
});

test('a policy that lets somebody do everything on targets gives nothing of the broker, and takes nothing', () => {
  apply(`permit (principal in Role::"operator", action, resource);
    permit (principal in Role::"operator", action == Action::"administer", resource);
    forbid (principal in Role::"administrator", action, resource);`);
  assert.deepEqual(rightsOf(who(['operator'])), []);
  assert.deepEqual(rightsOf(who(['administrator'])), houseActions);
});

test('a policy that names it gives it, to a role, a machine, a name, and only that', () => {
  apply(`permit (principal in Role::"operator", action == Action::"administerDevices", resource);
    permit (principal is Machine, action == Action::"administerPolicy", resource) when { principal.name == "ana" };`);
  assert.deepEqual(rightsOf(who(['operator'])), ['administerDevices']);
  assert.deepEqual(rightsOf(who([], 'machine')), ['administerPolicy']);
  assert.deepEqual(rightsOf(who(['operator'], 'machine')), ['administerDevices', 'administerPolicy']);
});

test('a policy takes it from administrators, by place and time, and from owners nothing', () => {
  apply(`@id("office") forbid (principal, action in [Action::"administerPolicy", Action::"liftLocks"], resource)
    unless { context has sourceIp && context.sourceIp.isInRange(ip("10.0.0.0/8")) };
    forbid (principal, action == Action::"agreeToChanges", resource)
    when { context.now >= datetime("2026-11-27T10:00:00Z") };`);
  const administrator = who(['administrator']);
  assert.equal(may(administrator, 'administerPolicy', '10.1.2.3').isAllowed, true);
  assert.equal(may(administrator, 'administerPolicy', '::ffff:10.1.2.3').isAllowed, true);
  assert.deepEqual(may(administrator, 'administerPolicy', '192.0.2.1'), {
    isAllowed: false,
    policies: ['office'],
    why: 'forbidden by office',
  });
  assert.equal(may(administrator, 'administerPolicy').isAllowed, false, 'unknown never helps');
  assert.equal(may(administrator, 'agreeToChanges').isAllowed, false);
  assert.equal(may(administrator, 'stopAccess').isAllowed, true);
  assert.deepEqual(rightsOf(who(['owner'])), houseActions);
  assert.equal(may(who(['owner'], 'machine'), 'administerPolicy').isAllowed, false, 'owners are people');
});

test('what cannot be evaluated denies, for whoever is no owner', () => {
  const overflow = '9223372036854775807 + 1 > 0';
  apply(`permit (principal, action == Action::"inspect", resource) when { ${overflow} };`);
  const { isAllowed, why } = may(who(['administrator']), 'inspect');
  assert.equal(isAllowed, false);
  assert.match(why, /could not be evaluated, which denies/);
  assert.equal(may(who(['owner']), 'inspect').isAllowed, true);
});

test('such a policy is checked by its own names, demands nothing, and does not mix', () => {
  const refusals: readonly (readonly [string, RegExp])[] = [
    [
      'permit (principal, action in [Action::"shell", Action::"inspect"], resource);',
      /targets and of the broker itself at once/,
    ],
    [
      '@mfa("5m") permit (principal in Role::"auditor", action == Action::"inspect", resource);',
      /"@mfa" is for sessions/,
    ],
    [
      'permit (principal in Role::"auditor", action == Action::"inspect", resource) when { context.approvals > 1 };',
      /approvals/,
    ],
    [
      'permit (principal, action == Action::"inspect", resource) when { context has sourceIp && context.sourceIp.isLoopback() };',
      /network address alone/,
    ],
    ['permit (principal in Role::"auditor", action == Action::"inspekt", resource);', /inspekt/],
    ['permit (principal in Role::"owners", action == Action::"inspect", resource);', /owners/],
  ];
  for (const [text, pattern] of refusals) {
    const check = checkPolicies({ 'house.cedar': text });
    assert.equal(check.ok, false, text);
    if (!check.ok) assert.match(check.problems.map(({ message }) => message).join(), pattern, text);
  }
});

test('an explanation names the rules of the house and what was applied', () => {
  apply(`@id("helpdesk") permit (principal in Role::"operator", action == Action::"stopAccess", resource);
    @id("other") permit (principal in Role::"operator", action == Action::"inspect", resource);`);
  const principal = who(['operator']);
  const { decision, considered } = point.explainHouse({ principal, action: 'stopAccess', now });
  assert.deepEqual([decision.isAllowed, decision.policies], [true, ['helpdesk']]);
  assert.deepEqual(
    considered.map(({ policy, matched }) => [policy, matched]),
    [
      ['(administrators)', false],
      ['(auditors)', false],
      ['(owners)', false],
      ['helpdesk', true],
    ],
  );
});

test('a revision that does not load leaves the one that is in force', () => {
  apply('forbid (principal, action == Action::"liftLocks", resource);');
  assert.throws(() => apply('permit (principal, action == Action::"inspekt", resource);'));
  assert.equal(may(who(['administrator']), 'liftLocks').isAllowed, false);
});
