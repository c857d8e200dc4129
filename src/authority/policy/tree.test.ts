import assert from 'node:assert/strict';
import { test } from 'node:test';
import { actions } from '../../core/decision.ts';
import { policyTree } from './cedar.ts';
import { actionsOf, contextReads, entitiesIn, readsVariable, ticketSamples } from './tree.ts';

const scoped = (action: string) => policyTree(`permit(principal, ${action}, resource);`);
const when = (condition: string) => policyTree(`permit(principal, action, resource) when { ${condition} };`);

test('the scope tells which actions a policy can match', () => {
  assert.deepEqual(actionsOf(scoped('action')), actions);
  assert.deepEqual(actionsOf(scoped('action == Action::"exec"')), ['exec']);
  assert.deepEqual(actionsOf(scoped('action in Action::"exec"')), ['exec']);
  assert.deepEqual(actionsOf(scoped('action in [Action::"http", Action::"shell"]')), ['shell', 'http']);
});

test('a condition on the action does not narrow the actions: it stands outside the scope', () => {
  assert.deepEqual(actionsOf(when('action == Action::"exec"')), actions);
});

test('the context attributes that a policy reads are found in every operator', () => {
  assert.deepEqual(
    contextReads(when('context has ticket && context.approvals >= 1')),
    new Set(['ticket', 'approvals']),
  );
  assert.deepEqual(
    contextReads(when('if context.inWindow then true else 1 < context.argc')),
    new Set(['inWindow', 'argc']),
  );
  assert.deepEqual(contextReads(when('principal.name == "context"')), new Set());
});

test('a context used as a whole counts as reading everything', () => {
  assert.equal(contextReads(when('context == {approvals: 1}')), 'all');
  assert.equal(contextReads(when('[context].contains(context) && context.approvals > 0')), 'all');
});

test('entities are found in scope and conditions, and look-alike records are not', () => {
  const tree = policyTree(
    'permit(principal in Role::"operator", action == Action::"shell", resource) when { principal == Human::"h" || [Device::"d"].contains(resource) || {type: "Human", id: "no"} == {type: "x", id: "y"} };',
  );
  assert.deepEqual(
    entitiesIn(tree)
      .map(({ type, id }) => `${type}:${id}`)
      .sort(),
    ['Action:shell', 'Device:d', 'Human:h', 'Role:operator'],
  );
});

test('tickets that a policy asks for are found as samples', () => {
  const tree = when(
    'context has ticket && (context.ticket like "CHG-*" || context.ticket == "OPS" || "X" == context.ticket)',
  );
  assert.deepEqual([...ticketSamples(tree)].sort(), ['CHG-1', 'OPS', 'X']);
  assert.deepEqual(ticketSamples(when('principal.name like "a*"')), []);
});

test('a variable is found only as a variable', () => {
  assert.equal(readsVariable(when('resource.owner == principal'), 'principal'), true);
  assert.equal(readsVariable(when('resource.name == "principal"'), 'principal'), false);
});
