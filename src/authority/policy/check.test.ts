import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SallyportError } from '../../core/errors.ts';
import { checkPolicies, requirePolicies, sentence } from './check.ts';
import type { PolicyProblem } from './policy-text.ts';
import { anaId, pump } from './sample-facts.ts';

function problemsOf(text: string): readonly PolicyProblem[] {
  const check = checkPolicies({ 'access.cedar': text });
  assert.ok(!check.ok, 'expected problems');
  return check.problems;
}

function only(text: string): PolicyProblem {
  const problems = problemsOf(text);
  assert.equal(problems.length, 1, JSON.stringify(problems, null, 1));
  return problems[0] ?? assert.fail();
}

test('good policies are listed with id, effect, file and line', () => {
  const check = checkPolicies({
    'access.cedar': `@id("ops")\npermit(principal in Role::"operator", action == Action::"shell", resource);\n\nforbid(principal, action, resource) when { context.approvals < 0 };`,
  });
  assert.deepEqual(check, {
    ok: true,
    policies: [
      { id: 'ops', effect: 'permit', file: 'access.cedar', line: 1, subject: 'target' },
      { id: 'access.cedar#2', effect: 'forbid', file: 'access.cedar', line: 4, subject: 'target' },
    ],
    warnings: [],
  });
});

test('a misspelt context attribute is refused once, with the name that was meant and its place', () => {
  const problem = only('@id("x") permit(principal, action, resource)\nwhen { context.aprovals >= 1 };');
  assert.deepEqual(problem, {
    file: 'access.cedar',
    policy: 'x',
    message: 'attribute `aprovals` in the context not found',
    line: 2,
    column: 8,
    help: 'did you mean `approvals`?',
  });
});

test('misspelt attributes, actions, roles, types and methods are each refused with a hint', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['permit(principal, action, resource) when { principal.nmae == "ana" };', /did you mean `name`/],
    ['permit(principal, action == Action::"shel", resource);', /did you mean `Action::"shell"`/],
    ['permit(principal in Role::"operater", action, resource);', /"administrator", "operator"/],
    ['permit(principal is Humn, action, resource);', /did you mean `Human`/],
    ['permit(principal, action, resource is Devce);', /did you mean `Device`/],
    ['permit(principal, action, resource) when { context.now.toTme() < duration("1h") };', /toTime/],
    ['allow(principal, action, resource);', /`permit` or `forbid`/],
    ['permit(principal, action, resource) when { resource.name = "a" };', /'=='/],
  ];
  for (const [text, hint] of cases) {
    assert.ok(
      problemsOf(text).some((problem) => hint.test(problem.help ?? '')),
      `${text} ${JSON.stringify(problemsOf(text))}`,
    );
  }
});

test('an optional attribute or a label read without asking whether it is there is refused', () => {
  for (const [text, hint] of [
    [
      'permit(principal, action, resource) when { context.mfaAgeSeconds < 300 };',
      /context has mfaAgeSeconds/,
    ],
    ['permit(principal, action, resource) when { resource.getTag("site") == "lyon" };', /hasTag\("site"\)/],
  ] as const) {
    assert.ok(problemsOf(text).every((problem) => hint.test(problem.help ?? '')));
  }
});

test('an annotation that cannot be enforced is refused with file, line and policy', () => {
  const text = '\n@id("rec") @record("all") permit(principal, action, resource);';
  const problem = only(text);
  assert.equal(problem.policy, 'rec');
  assert.equal(problem.line, 2);
  assert.match(sentence(problem), /^access\.cedar:2: policy "rec": this version cannot enforce "@record"/);
});

test('R-003 a permit whose only subject is an address is refused', () => {
  const from = 'context has sourceIp && context.sourceIp.isInRange(ip("10.0.0.0/8"))';
  assert.match(only(`permit(principal, action, resource) when { ${from} };`).message, /address alone/);
  assert.match(
    only(`permit(principal is Human, action, resource) when { ${from} };`).message,
    /address alone/,
  );
  for (const text of [
    `permit(principal in Role::"operator", action, resource) when { ${from} };`,
    `permit(principal is Human in Role::"operator", action, resource) when { ${from} };`,
    `permit(principal, action, resource) when { principal.name == "ana" && ${from} };`,
    `forbid(principal, action, resource) unless { ${from} };`,
  ]) {
    assert.ok(checkPolicies({ f: text }).ok, text);
  }
});

test('a name where an id belongs is refused, because it would match nobody', () => {
  for (const [text, message, help] of [
    [
      'permit(principal == Human::"ana", action, resource);',
      /Human::"ana" is not an identity's id/,
      /principal\.name == "ana"/,
    ],
    [
      'forbid(principal, action, resource) when { principal == Machine::"ci" };',
      /Machine::"ci"/,
      /principal\.name/,
    ],
    [
      'permit(principal, action, resource == Device::"pump-7");',
      /Device::"pump-7" is not a device's id/,
      /resource\.name/,
    ],
    ['permit(principal, action, resource in Device::"pump-7");', /Device::"pump-7"/, /resource\.name/],
    [
      'permit(principal, action, resource == Service::"pump-7/web");',
      /Service::"pump-7\/web"/,
      /resource\.name/,
    ],
  ] as const) {
    const problem = only(text);
    assert.match(problem.message, message);
    assert.match(problem.help ?? '', help);
  }
  const good = `permit(principal == Human::"${anaId}", action, resource in Device::"${pump.id}");`;
  assert.ok(checkPolicies({ f: good }).ok);
});

test('a policy that can never apply is accepted with a warning', () => {
  const check = checkPolicies({ f: 'permit(principal, action == Action::"shell", resource is Service);' });
  assert.ok(check.ok);
  assert.ok(check.warnings.some((warning) => /impossible/.test(warning.message)));
});

test('R7 text of a policy file that is quoted in a message is inert', () => {
  const all = [
    ...problemsOf('permit(principal, action == Action::"\u001b[31mshell\u202e", resource);'),
    ...problemsOf('permit(principal == Human::"\\u{1b}[31m", action, resource);'),
    ...problemsOf('permit(principal, action, resource) when { \u001b };'),
    ...problemsOf('@user("\\u{1b}") permit(principal, action, resource);'),
  ];
  assert.ok(all.length >= 4);
  for (const problem of all) assert.doesNotMatch(sentence(problem), /[\p{Cc}\p{Cf}]/u);
});

test('problems come in the order of files and lines, a bounded number of them', () => {
  const bad = 'permit(principal, action, resource) when { context.x };\n';
  const check = checkPolicies({ 'b.cedar': bad.repeat(300), 'a.cedar': bad });
  assert.ok(!check.ok);
  assert.equal(check.problems.length, 100);
  assert.equal(check.problems[0]?.file, 'a.cedar');
  assert.deepEqual(
    check.problems.slice(1, 4).map(({ file, line }) => [file, line]),
    [
      ['b.cedar', 1],
      ['b.cedar', 2],
      ['b.cedar', 3],
    ],
  );
});

test('requiring bad policies throws policy_invalid with the first problem and what to do', () => {
  assert.throws(
    () => requirePolicies({ f: '@record("5m") permit(principal, action, resource);' }),
    (error) =>
      error instanceof SallyportError &&
      error.code === 'policy_invalid' &&
      /f:1: policy "f#1": this version cannot enforce "@record"/.test(error.message) &&
      /policy check/.test(error.next ?? ''),
  );
});
