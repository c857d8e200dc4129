// docs/policy.md promises that its examples work: every ```cedar block passes the check, also on the pages of
// approvals, windows and tickets, every ```cedar refused block is refused, and the ```yaml cases give the answers that
// they expect.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { schemaToJson } from '@cedar-policy/cedar-wasm/nodejs';
import { checkPolicies } from '../../src/authority/policy/check.ts';
import { schemaText } from '../../src/authority/policy/schema.ts';
import { testPolicies } from '../../src/authority/policy/test-cases.ts';

const [page = '', ...others] = ['policy', 'approvals', 'windows', 'tickets'].map((name) =>
  readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8'),
);

function blocks(info: string, text = page): readonly string[] {
  return [...text.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)]
    .filter((block) => block[1] === info)
    .map((block) => block[2] ?? '');
}

const examples = Object.fromEntries(blocks('cedar').map((text, index) => [`example-${index}.cedar`, text]));

test('every example of the policy page passes the check without a warning', () => {
  assert.ok(Object.keys(examples).length >= 6);
  for (const [file, text] of Object.entries(examples)) {
    const check = checkPolicies({ [file]: text });
    assert.ok(check.ok, `${text}\n${JSON.stringify(check)}`);
    assert.deepEqual(check.warnings, []);
  }
});

test('so does every example of approvals, windows and tickets', () => {
  for (const other of others) {
    const found = blocks('cedar', other);
    assert.ok(found.length > 0);
    for (const text of found) {
      const check = checkPolicies({ 'f.cedar': text });
      assert.ok(check.ok, `${text}\n${JSON.stringify(check)}`);
      assert.deepEqual(check.warnings, []);
    }
  }
});

test('every policy that the page calls refused is refused', () => {
  const refused = blocks('cedar refused');
  assert.ok(refused.length >= 5);
  for (const text of refused) assert.equal(checkPolicies({ 'f.cedar': text }).ok, false, text);
});

test('the refusal that the page quotes is the one that is given', () => {
  const check = checkPolicies({ 'f.cedar': blocks('cedar refused')[0] ?? '' });
  assert.ok(!check.ok);
  const [problem] = check.problems;
  assert.ok(page.includes(`> ${problem?.message}; ${problem?.help}\n`), JSON.stringify(problem));
});

test('the test cases of the page pass against its examples', () => {
  const [casesText = ''] = blocks('yaml');
  const result = testPolicies({
    files: examples,
    casesFile: 'cases.yaml',
    casesText,
    now: Date.UTC(2026, 0, 5, 12),
  });
  assert.ok(result.ok, JSON.stringify(result));
  assert.equal(result.rows.length, 5);
  assert.deepEqual(
    result.rows.filter((row) => !row.pass),
    [],
  );
});

test('the page names every entity type, attribute, action and context attribute of the schema', () => {
  const answer = schemaToJson(schemaText);
  assert.ok(answer.type === 'success');
  const schema = answer.json[''];
  assert.ok(schema !== undefined);
  const context = schema.commonTypes?.['Context'];
  assert.ok(context !== undefined && 'attributes' in context);
  const wanted = [
    ...Object.keys(schema.entityTypes).map((type) => (type === 'Role' ? 'Role::' : `\`${type}\``)),
    ...Object.keys(schema.actions).map((action) => `\`${action}\``),
    ...Object.keys(context.attributes ?? {}).map((attribute) => `\`context.${attribute}\``),
  ];
  for (const [variable, type] of [
    ['principal', 'Human'],
    ['resource', 'Device'],
    ['resource', 'Service'],
  ] as const) {
    const entity = schema.entityTypes[type];
    const shape = entity !== undefined && 'shape' in entity ? entity.shape : undefined;
    assert.ok(shape !== undefined && 'attributes' in shape, type);
    wanted.push(...Object.keys(shape.attributes ?? {}).map((attribute) => `\`${variable}.${attribute}\``));
  }
  assert.ok(wanted.length > 30);
  for (const name of wanted) assert.ok(page.includes(name), `${name} is not on the page`);
});
