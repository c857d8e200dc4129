// What was asked for has to be refused: why it was.

import assert from 'node:assert/strict';
import { SallyportError, type ErrorCode } from '../../src/core/errors.ts';

export async function refusal(asked: Promise<unknown>): Promise<SallyportError> {
  try {
    await asked;
  } catch (error) {
    assert.ok(error instanceof SallyportError, String(error));
    return error;
  }
  assert.fail('it was allowed');
}

export async function codeOf(asked: Promise<unknown>): Promise<ErrorCode> {
  return (await refusal(asked)).code;
}

/** For what may be refused: why, or that it was not. */
export async function outcomeOf(asked: Promise<unknown>): Promise<ErrorCode | 'allowed'> {
  try {
    await asked;
    return 'allowed';
  } catch (error) {
    assert.ok(error instanceof SallyportError, String(error));
    return error.code;
  }
}
