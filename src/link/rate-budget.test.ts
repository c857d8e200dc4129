import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateBudget } from './rate-budget.ts';

function spendAll(budget: RateBudget): number {
  let spent = 0;
  while (budget.spend()) spent++;
  return spent;
}

test('a budget gives its burst and not one more', () => {
  assert.equal(spendAll(new RateBudget({ burst: 5, perSecond: 1, now: () => 0 })), 5);
});

test('a budget refills by its rate and never beyond its burst', () => {
  let at = 0;
  const budget = new RateBudget({ burst: 5, perSecond: 2, now: () => at });
  spendAll(budget);
  at = 1_499;
  assert.equal(spendAll(budget), 2);
  at = 1_500;
  assert.equal(spendAll(budget), 1);
  at = 1_000_000;
  assert.equal(spendAll(budget), 5);
});
