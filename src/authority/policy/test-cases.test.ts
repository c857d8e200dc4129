import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../../core/limits.ts';
import { noon } from './sample-facts.ts';
import { testPolicies, type PolicyTestResult } from './test-cases.ts';

const policy = `@id("lyon") permit(principal in Role::"operator", action == Action::"shell", resource)
  when { resource.hasTag("site") && resource.getTag("site") == "lyon" && context has mfaAgeSeconds && context.mfaAgeSeconds <= 300 };`;

function run(
  casesText: string,
  files: Record<string, string> = { 'access.cedar': policy },
): PolicyTestResult {
  return testPolicies({ files, casesFile: 'cases.yaml', casesText, now: noon });
}

const good = `
- name: operators reach lyon
  principal: { name: ana, roles: [operator] }
  action: shell
  device: { name: pump-7, labels: { site: lyon } }
  context: { mfaAge: 5m }
  expect: allow
  policies: [lyon]
`;

function problems(casesText: string) {
  const result = run(casesText);
  assert.ok(!result.ok, 'expected problems');
  return result.problems;
}

test('a case that gets its expected answer passes, with the policies that gave it', () => {
  const result = run(good);
  assert.deepEqual(result, {
    ok: true,
    failed: 0,
    rows: [
      {
        name: 'operators reach lyon',
        pass: true,
        expected: 'allow',
        outcome: 'allow',
        policies: ['lyon'],
        why: 'permitted by "lyon"',
      },
    ],
  });
});

test('a case fails when the answer differs, and says how', () => {
  const result = run(good.replace('mfaAge: 5m', 'mfaAge: 6m'));
  assert.ok(result.ok);
  assert.equal(result.failed, 1);
  assert.equal(result.rows[0]?.pass, false);
  assert.match(result.rows[0]?.why ?? '', /expected allow, got deny; .*no policy permits it/);
});

test('a case fails when other policies than the expected ones gave the answer', () => {
  const result = run(good.replace('[lyon]', '[paris, lyon]'));
  assert.ok(result.ok);
  assert.match(result.rows[0]?.why ?? '', /expected policies \[lyon, paris\], got \[lyon\]/);
});

test('a case without a name is told by its place and content', () => {
  const result = run(
    '- principal: { name: bo }\n  action: exec\n  device: { name: pump-7 }\n  expect: deny\n',
  );
  assert.ok(result.ok && result.failed === 0);
  assert.equal(result.rows[0]?.name, '1: bo exec pump-7');
});

test('every fact of a question can be given', () => {
  const everything = `permit(principal is AiAgent, action == Action::"exec", resource) when {
    context.now == datetime("2026-01-02T03:04:05Z") && context has sourceIp && context.sourceIp == ip("10.0.0.1") &&
    context has command && context.command == "ls 'a b'" && context has user && context.user == "svc" &&
    context.approvals == 2 && context has ticket && context.ticket == "T" && context.inWindow &&
    principal.tenant == "t" && resource.owner == Human::"idn_${'a'.repeat(26)}" && principal has owner };`;
  const result = run(
    `- principal: { name: bot, kind: ai_agent, tenant: t, owner: x, purpose: y }
  action: exec
  device: { name: d, tenant: t, owner: idn_${'a'.repeat(26)}, purpose: z }
  context: { now: "2026-01-02T03:04:05Z", sourceIp: 10.0.0.1, argv: [ls, a b], user: svc, approvals: 2, ticket: T, inWindow: true }
  expect: allow
`,
    { f: everything },
  );
  assert.ok(result.ok, JSON.stringify(result));
  assert.equal(result.failed, 0, JSON.stringify(result.rows));
});

test('bad YAML is told with line and column', () => {
  const [problem] = problems('- name: a\n  action: [shell\n');
  assert.equal(problem?.file, 'cases.yaml');
  assert.ok((problem?.line ?? 0) >= 2);
  assert.notEqual(problem?.message, '');
});

test('a misspelt key is told with its case, its place and the key that was meant', () => {
  const [problem] = problems(good.replace('expect:', 'expct:')).filter(({ message }) =>
    /unknown/.test(message),
  );
  assert.match(problem?.message ?? '', /case 1: unknown "expct"/);
  assert.equal(problem?.help, 'did you mean "expect"?');
  assert.equal(problem?.line, 2);
});

test('a missing key, an unknown action, role and duration are each told where they stand', () => {
  assert.match(problems(good.replace(/ {2}expect: allow\n/, ''))[0]?.message ?? '', /case 1, expect: /);
  const action = problems(good.replace('action: shell', 'action: shel'))[0];
  assert.match(action?.message ?? '', /case 1, action: .*"shell"/);
  assert.equal(action?.line, 4);
  assert.equal(action?.column, 11);
  assert.match(
    problems(good.replace('[operator]', '[root]'))[0]?.message ?? '',
    /case 1, principal\.roles\.0: .*"operator"/,
  );
  assert.match(
    problems(good.replace('5m', 'soon'))[0]?.message ?? '',
    /case 1, context\.mfaAge: write a duration/,
  );
});

test('a file that is no list, or empty, is told what to write', () => {
  assert.match(problems('a: b')[0]?.message ?? '', /write a list of cases/);
  assert.match(problems('')[0]?.message ?? '', /write a list of cases/);
});

test('bad policies are told instead of test results', () => {
  const result = run(good, { f: '@record("x") permit(principal, action, resource);' });
  assert.ok(!result.ok);
  assert.match(result.problems[0]?.message ?? '', /cannot enforce "@record"/);
});

test('an alias bomb and too many cases are refused', () => {
  const bomb = `- &a [x, x, x, x, x, x, x, x, x, x]\n${Array.from({ length: 8 }, (_, i) => `- &${'bcdefghi'[i]} [${Array(10).fill(`*${'abcdefgh'[i]}`).join(', ')}]`).join('\n')}\n`;
  assert.ok(problems(bomb).length > 0);
  const many = '- {}\n'.repeat(limits.policyTestCasesMax + 1);
  assert.match(problems(many)[0]?.message ?? '', /1001 cases, more than/);
});
