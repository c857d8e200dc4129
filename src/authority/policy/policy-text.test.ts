import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { limits } from '../../core/limits.ts';
import { parsePolicies, type PolicyProblem, type PolicyText } from './policy-text.ts';

const any = 'permit(principal, action, resource);';

function policiesOf(files: Record<string, string>): readonly PolicyText[] {
  const parsed = parsePolicies(files);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.policies;
}

function problemsOf(files: Record<string, string>): readonly PolicyProblem[] {
  const parsed = parsePolicies(files);
  assert.ok(!parsed.ok, 'expected problems');
  return parsed.problems;
}

test('a policy is named by its @id, or by its file and place counted from 1', () => {
  const text = `${any}\n@id("night")\nforbid(principal, action, resource);\n${any}`;
  assert.deepEqual(
    policiesOf({ 'a.cedar': text }).map(({ id, effect, line }) => [id, effect, line]),
    [
      ['a.cedar#1', 'permit', 1],
      ['night', 'forbid', 2],
      ['a.cedar#3', 'permit', 4],
    ],
  );
});

test('policies keep their order beyond ten, where the library sorts by name', () => {
  const text = Array.from({ length: 123 }, (_, index) => `@id("p${index}") ${any}`).join('\n');
  const found = policiesOf({ 'a.cedar': text });
  assert.deepEqual(
    found.map(({ id, line }) => [id, line]),
    found.map((_, index) => [`p${index}`, index + 1]),
  );
});

test('every policy is found where it stands, whatever comments and line ends surround it', () => {
  const trivia = fc
    .array(fc.constantFrom('\n', '\r\n', ' ', '\t', `// ${any}\n`, '// é 😀 "\r\n', '//\n', '//// ;\n'))
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.array(trivia, { minLength: 1, maxLength: 14 }), trivia, (gaps, end) => {
      const bodies = gaps.map((_, index) =>
        index % 3 === 0 ? any : `@id("p${index}")\nforbid(principal, // ;\n action, resource);`,
      );
      const text = gaps.map((gap, index) => `${gap}${bodies[index]}`).join('') + end;
      const found = policiesOf({ f: text });
      assert.deepEqual(
        found.map((policy) => policy.text),
        bodies,
      );
      for (const policy of found) {
        const lines = text.split(/\r\n|\r|\n/);
        assert.ok(
          lines[policy.line - 1]?.slice(policy.column - 1).startsWith(policy.text.split('\n')[0] ?? '-'),
        );
      }
    }),
    { numRuns: 60 },
  );
});

test('no files, an empty file and a file of comments hold no policies', () => {
  assert.deepEqual(policiesOf({}), []);
  assert.deepEqual(policiesOf({ a: '', b: '// later\n' }), []);
});

test('a fault is told with file, line and column, counted in characters and not in bytes', () => {
  const [problem] = problemsOf({
    'a.cedar': `${any}\n/`,
    'b.cedar': `// ééé\n${any} permit(principal, actoin, resource);`,
  });
  assert.equal(problem?.file, 'a.cedar');
  const [, second] = problemsOf({
    'a.cedar': `${any}\n/`,
    'b.cedar': `// ééé\n${any} permit(principal, actoin, resource);`,
  });
  assert.equal(second?.file, 'b.cedar');
  assert.equal(second?.line, 2);
  assert.equal(second?.column, any.length + 2 + 'permit(principal, '.length);
});

test('two policies with one id are refused, across files too, naming the other', () => {
  const [problem] = problemsOf({ 'a.cedar': `@id("x") ${any}`, 'b.cedar': `\n@id("x") ${any}` });
  assert.equal(problem?.file, 'b.cedar');
  assert.equal(problem?.line, 2);
  assert.match(problem?.message ?? '', /"x" is used twice; the other is in a\.cedar, line 1/);
  assert.match(problemsOf({ 'a.cedar': `${any}\n@id("a.cedar#1") ${any}` })[0]?.message ?? '', /used twice/);
});

test('an id that would be no safe key or not show plainly is refused', () => {
  for (const id of ['__proto__', '', 'a b', '\\u{1b}[31m', '\\n', 'é', 'x'.repeat(129)]) {
    const [problem] = problemsOf({ f: `@id("${id}") ${any}` });
    assert.match(problem?.message ?? '', /is not a policy id/, id);
    assert.doesNotMatch(problem?.message ?? '', /\p{Cc}/u);
  }
  assert.match(problemsOf({ f: `@id ${any}` })[0]?.message ?? '', /is not a policy id/);
});

test('an id that is the name of an object method is an ordinary id', () => {
  assert.deepEqual(
    policiesOf({ f: `@id("constructor") ${any} @id("toString") ${any}` }).map(({ id }) => id),
    ['constructor', 'toString'],
  );
});

test('a file name that is no plain path is refused, shown inert', () => {
  const [problem] = problemsOf({ 'a\u001b[2J.cedar': any });
  assert.match(problem?.message ?? '', /is not a policy file name/);
  assert.doesNotMatch(JSON.stringify(problem), /\\u001b/);
});

test('templates are refused with what to do instead', () => {
  const [problem] = problemsOf({ f: `${any} permit(principal == ?principal, action, resource);` });
  assert.match(problem?.message ?? '', /templates/);
  assert.match(problem?.help ?? '', /one policy for each/);
});

test('more text or more policies than the limits are refused', () => {
  const filler = `//${'x'.repeat(limits.policyTextMaxBytes - 2)}`;
  assert.ok(parsePolicies({ f: filler }).ok);
  assert.match(problemsOf({ f: filler, g: ' ' })[0]?.message ?? '', /bytes, more than/);
  const many = 'permit(principal,action,resource);'.repeat(limits.policiesMax + 1);
  assert.match(problemsOf({ f: many })[0]?.message ?? '', /5001 policies, more than/);
});
