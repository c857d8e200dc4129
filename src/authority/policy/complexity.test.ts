import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../../core/limits.ts';
import { complexityProblem } from './complexity.ts';
import { parsePolicies } from './policy-text.ts';
import { pointWith, question } from './sample-facts.ts';

const when = (condition: string) => `permit(principal, action, resource) when { ${condition} };`;
const nested = (open: string, inner: string, close: string, depth: number) =>
  when(`${open.repeat(depth)}${inner}${close.repeat(depth)}`);
/** The braces of "when" are one level. */
const deepest = limits.policyNestingMax - 1;

test('brackets nest up to the limit and no deeper', () => {
  assert.equal(complexityProblem(nested('(', 'true', ')', deepest)), undefined);
  for (const [open, close] of ['()', '[]', '{}']) {
    assert.match(
      complexityProblem(nested(open ?? '', 'x', close ?? '', deepest + 1))?.message ?? '',
      /deeper than 32/,
    );
  }
});

test('operators chain up to the limit and no further', () => {
  for (const operator of ['&&', '||', '+', '-', '*', '.']) {
    const chain = (count: number) => when(`a ${operator} `.repeat(count));
    assert.equal(complexityProblem(chain(limits.policyOperatorsMax)), undefined);
    assert.match(
      complexityProblem(chain(limits.policyOperatorsMax + 1))?.message ?? '',
      /more than 128 operators/,
    );
  }
  assert.notEqual(complexityProblem(when('if true then '.repeat(129))), undefined);
});

test('the bound is for each policy, not for the file', () => {
  assert.equal(complexityProblem(when('true && '.repeat(100)).repeat(50)), undefined);
});

test('what stands in strings and comments does not count, and a string cannot hide what follows it', () => {
  const many = '('.repeat(100);
  assert.equal(complexityProblem(when(`"${many}" == "\\"${many}"`)), undefined);
  assert.equal(complexityProblem(`// ${many}\n// if && \r${when('true')}`), undefined);
  assert.notEqual(complexityProblem(when(`"\\\\" ${many}`)), undefined);
  assert.notEqual(complexityProblem(when(`" ${many}`)), undefined);
  assert.notEqual(complexityProblem(`// x\r${many}`), undefined);
});

test('identifiers that contain a keyword are not operators', () => {
  assert.equal(complexityProblem(when('iffy notif if_ '.repeat(300))), undefined);
});

test('a policy beyond the bound is refused with its place, and the library still works', () => {
  const parsed = parsePolicies({ 'a.cedar': `\n${nested('(', 'true', ')', 20_000)}` });
  assert.ok(!parsed.ok);
  assert.equal(parsed.problems[0]?.line, 2);
  assert.match(parsed.problems[0]?.message ?? '', /nests its brackets/);
  assert.ok(parsePolicies({ 'a.cedar': when('true') }).ok);
});

test('policies at the bound are decided, whatever they chain and nest', () => {
  const operators = limits.policyOperatorsMax;
  // One level: a bracket, and its share of the operators and dots.
  const inner = Math.floor(operators / deepest / 2);
  const hour = 'duration("1h")';
  const conditions = [
    `${'context.inWindow || '.repeat(operators / 2)}true`,
    `${'true && '.repeat(operators)}true`,
    `${'1 + '.repeat(operators)}1 > 0`,
    `${'if true then true else '.repeat(operators)}true`,
    `${'('.repeat(deepest)}true${')'.repeat(deepest)}`,
    `context.now${`.offset(if true then ${hour} else ${hour})`.repeat(operators / 2 - 1)} > datetime("2020-01-01")`,
    `${'!('.repeat(deepest - 1)}true${')'.repeat(deepest - 1)} || true`,
    `${'['.repeat(deepest)}1${']'.repeat(deepest)} == ${'['.repeat(deepest)}1${']'.repeat(deepest)}`,
    `${`(${'context.inWindow || '.repeat(inner)}`.repeat(deepest)}true${')'.repeat(deepest)}`,
  ];
  for (const condition of conditions) {
    const point = pointWith(when(condition));
    assert.equal(point.decide(question()).outcome, 'allow', condition.slice(0, 40));
    point.close();
  }
});
