import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { QuestionContext } from '../../core/decision.ts';
import { whatWouldHelp } from './help.ts';
import { noon, pointWith, question } from './sample-facts.ts';

function helpFor(condition: string, context: Partial<QuestionContext> = {}): readonly string[] {
  const point = pointWith(`permit(principal in Role::"operator", action, resource) when { ${condition} };`);
  try {
    const decision = point.decide(question({ context }));
    assert.ok(decision.outcome === 'deny');
    return decision.help;
  } finally {
    point.close();
  }
}

test('a missing approval is told as an approval', () => {
  assert.deepEqual(helpFor('context.approvals >= 1'), ['an approval']);
});

test('the least number of approvals that helps is told', () => {
  assert.deepEqual(helpFor('context.approvals >= 2'), ['2 approvals']);
  assert.deepEqual(helpFor('context.approvals >= 2', { approvals: 1 }), ['one more approval']);
  assert.deepEqual(helpFor('context.approvals >= 3', { approvals: 1 }), ['2 more approvals']);
  assert.deepEqual(helpFor('context.approvals >= 4'), []);
});

test('a missing or stale MFA, ticket and window are each told', () => {
  const fresh = 'context has mfaAgeSeconds && context.mfaAgeSeconds <= 300';
  assert.deepEqual(helpFor(fresh), ['a fresh MFA']);
  assert.deepEqual(helpFor(fresh, { mfaAgeMs: 600_000 }), ['a fresh MFA']);
  assert.deepEqual(helpFor('context has ticket'), ['a ticket']);
  assert.deepEqual(helpFor('context.inWindow'), ['an open access window']);
});

test('a ticket of the form that policy asks for is recognised', () => {
  assert.deepEqual(helpFor('context has ticket && context.ticket like "CHG-*"'), ['a ticket']);
});

test('of several ways each is told; what is needed together is told together', () => {
  assert.deepEqual(helpFor('context.approvals >= 1 || context.inWindow'), [
    'an approval',
    'an open access window',
  ]);
  assert.deepEqual(helpFor('context.approvals >= 2 && context has ticket'), ['2 approvals and a ticket']);
  assert.deepEqual(helpFor('context.approvals >= 1 && context has ticket && context.inWindow'), [
    'an approval and a ticket and an open access window',
  ]);
});

test('nothing is promised that would not help', () => {
  assert.deepEqual(helpFor('context.approvals >= 1 && principal.name == "bo"'), []);
  assert.deepEqual(helpFor('principal.name == "bo"'), []);
});

test('help lifts a conditional forbid as well', () => {
  const point = pointWith(
    'permit(principal, action, resource); forbid(principal, action, resource) unless { context.inWindow };',
  );
  const decision = point.decide(question());
  assert.ok(decision.outcome === 'deny' && decision.code === 'forbidden');
  assert.deepEqual(decision.help, ['an open access window']);
  point.close();
});

test('what no policy reads is not tried, so an ordinary denial asks nothing again', () => {
  let asked = 0;
  const help = whatWouldHelp({
    context: { now: noon },
    reads: new Set(['user', 'now']),
    tickets: [],
    isAllowed: () => {
      asked += 1;
      return true;
    },
  });
  assert.deepEqual(help, []);
  assert.equal(asked, 0);
});

test('the number of questions asked again is bounded whatever the context says', () => {
  for (const approvals of [-1e9, Number.NaN, 0.5, 0, 3, 1e9]) {
    let asked = 0;
    whatWouldHelp({
      context: { now: noon, approvals },
      reads: 'all',
      tickets: Array.from({ length: 1_000 }, (_, index) => `T${index}`),
      isAllowed: () => {
        asked += 1;
        return false;
      },
    });
    assert.ok(asked < 200, `${asked} questions`);
  }
});
