// Idempotency-Key: a write that is sent again, because its answer was lost, is not done again. The first
// success is remembered for limits.idempotencyKeepMs under the caller and the key; the same key with
// another request is a conflict; two at once run once. A refusal is not remembered: what stood in its way
// may be gone.
//
// The answer is written after the effect, in a commit of its own. A crash between the two makes a retry
// run again, and then the write's own conditions hold: names are unique, records are compared and set,
// and no session outlives the process that opened it.
//
// Answers with a secret in them (invites) are never stored: only that they were given.

import { SallyportError } from '../../core/errors.ts';
import { canonicalJson, type Json } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { sha256 } from '../../wire/signed.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { StoreUnavailable, type IdempotentAnswer, type Store } from '../store/store.ts';

export interface KeyedRequest {
  readonly caller: string;
  readonly key: string;
  readonly method: string;
  readonly url: string;
  readonly body: unknown;
  /** Its answer carries a secret. */
  readonly isSecret: boolean;
}

interface Running {
  readonly requestHash: string;
  readonly answer: Promise<unknown>;
}

const keyPattern = /^[\x21-\x7e]+$/;
/** Stands for an answer that was given and not kept. */
const notKept = '';
/** Answers forgotten in one go: a bound for the commit, not for the store. */
const forgetAtOnce = 500;

export class Idempotency {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #running = new Map<string, Running>();

  constructor(parts: { readonly store: Store; readonly clock: Clock; readonly log: Log }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  /** The remembered answer of this request, or what `run` gives, remembered. */
  async once(request: KeyedRequest, run: () => Promise<unknown>): Promise<unknown> {
    if (request.key.length > limits.idempotencyKeyMaxLength || !keyPattern.test(request.key)) {
      throw new SallyportError(
        'invalid',
        `an Idempotency-Key has 1 to ${limits.idempotencyKeyMaxLength} visible ASCII characters`,
      );
    }
    const id = sha256(`${request.caller}\0${request.key}`);
    const requestHash = sha256(
      `${request.method} ${request.url}\0${canonicalJson((request.body ?? null) as Json)}`,
    );
    const running = this.#running.get(id);
    if (running !== undefined) {
      if (running.requestHash !== requestHash) throw otherRequest();
      if (request.isSecret) throw alreadyDone();
      return await running.answer;
    }
    const answer = this.#recallOrRun({ ...request, id, requestHash }, run);
    this.#running.set(id, { requestHash, answer });
    try {
      return await answer;
    } finally {
      this.#running.delete(id);
    }
  }

  /** Deletes answers older than they are kept. Returns how many. */
  async forgetOld(): Promise<number> {
    const now = this.#clock.now();
    const old: string[] = [];
    let after: string | undefined;
    do {
      const page = await this.#store.list('answer', {}, after === undefined ? {} : { after });
      for (const { value } of page.items) if (this.#isOld(value, now)) old.push(value.id);
      after = page.next;
    } while (after !== undefined && old.length < forgetAtOnce);
    const gone = old.slice(0, forgetAtOnce);
    if (gone.length > 0) {
      await this.#store.commit({ changes: gone.map((id) => ({ delete: 'answer', id })), events: [] });
    }
    return gone.length;
  }

  async #recallOrRun(
    request: KeyedRequest & { readonly id: string; readonly requestHash: string },
    run: () => Promise<unknown>,
  ): Promise<unknown> {
    const known = (await this.#store.get('answer', request.id))?.value;
    if (known !== undefined && !this.#isOld(known, this.#clock.now())) {
      if (known.requestHash !== request.requestHash) throw otherRequest();
      if (known.body === notKept) throw alreadyDone();
      return JSON.parse(known.body);
    }
    const answer = await run();
    await this.#remember({
      id: request.id,
      requestHash: request.requestHash,
      status: 200,
      body: request.isSecret ? notKept : JSON.stringify(answer),
      createdAt: this.#clock.now(),
    });
    return answer;
  }

  /** What was done was done, above all a cut: a store that cannot note the answer does not undo it. */
  async #remember(answer: IdempotentAnswer): Promise<void> {
    try {
      await this.#store.commit({ changes: [{ put: 'answer', value: answer }], events: [] });
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      this.#log.warn({ err: error }, 'api: an answer could not be kept for a retry');
    }
  }

  #isOld(answer: IdempotentAnswer, now: number): boolean {
    return now - answer.createdAt >= limits.idempotencyKeepMs;
  }
}

function otherRequest(): SallyportError {
  return new SallyportError('conflict', 'this Idempotency-Key was used for another request', {
    next: 'use a fresh key for each new request',
  });
}

function alreadyDone(): SallyportError {
  return new SallyportError('conflict', 'this was done already, and its token is shown only once', {
    next: 'make a new invite; it replaces this one',
  });
}
