import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { actions } from '../../core/decision.ts';
import { roles } from '../../core/identity.ts';
import { schemaText } from './schema.ts';

function schemaJson() {
  const answer = cedar.schemaToJson(schemaText);
  assert.equal(answer.type, 'success');
  const definition = answer.type === 'success' ? answer.json[''] : undefined;
  assert.ok(definition !== undefined, 'everything is declared without a namespace');
  return definition;
}

test('the schema declares every action of the product and no other', () => {
  assert.deepEqual(Object.keys(schemaJson().actions).sort(), [...actions].sort());
});

test('the schema declares every role of the product and no other', () => {
  const role = schemaJson().entityTypes['Role'];
  assert.ok(role !== undefined && 'enum' in role);
  assert.deepEqual([...role.enum].sort(), [...roles].sort());
});
