import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../../core/limits.ts';
import { ManualClock } from '../../platform/manual-clock.ts';
import { Consent, type Applicant, type ConsentAnswer } from './consent.ts';

interface Wait {
  readonly answer: Promise<ConsentAnswer>;
  readonly leave: () => void;
}

function room(): {
  readonly clock: ManualClock;
  readonly consent: Consent;
  readonly wait: (session?: string, withinMs?: number) => Wait;
} {
  const clock = new ManualClock();
  const consent = new Consent(clock);
  return {
    clock,
    consent,
    wait(session = 'ses_a', withinMs = 60_000) {
      const left = new AbortController();
      const answer = consent.wait(applicant(session), { withinMs, signal: left.signal });
      return { answer, leave: () => left.abort() };
    },
  };
}

function applicant(session: string): Applicant {
  return { session, name: 'ana', target: 'pump-7', kind: 'shell' };
}

test('consent given while somebody waits lets him in, and those who come within its time', async () => {
  const { clock, consent, wait } = room();
  const { answer } = wait();
  assert.deepEqual(
    consent.waiting.map(({ session, name }) => [session, name]),
    [['ses_a', 'ana']],
  );
  assert.deepEqual(consent.give(1_000), ['ses_a']);
  assert.equal(await answer, 'given');
  assert.deepEqual(consent.waiting, []);
  clock.advance(999);
  assert.equal(await wait('ses_b').answer, 'given');
  clock.advance(1);
  assert.equal(consent.isGiven('ses_c'), false);
  assert.equal(clock.pendingTimers, 0);
});

test('a session that is in stays in when the time of consent is over or it is taken back', () => {
  const { clock, consent } = room();
  consent.give(1_000);
  assert.ok(consent.isGiven('ses_a'));
  clock.advance(2_000);
  consent.withdraw();
  assert.ok(consent.isGiven('ses_a'));
  consent.forget('ses_a');
  assert.equal(consent.isGiven('ses_a'), false);
});

test('consent that never comes is late, after the pass or after a minute, whichever is sooner', async () => {
  const { clock, wait } = room();
  const [short, long] = [wait('ses_a', 5_000), wait('ses_b', 1_000_000)];
  clock.advance(5_000);
  assert.equal(await short.answer, 'late');
  clock.advance(limits.consentWaitMs - 5_000);
  assert.equal(await long.answer, 'late');
});

test('consent for one session is for no other, and once', async () => {
  const { clock, consent, wait } = room();
  const [one, other] = [wait('ses_a'), wait('ses_b')];
  assert.deepEqual(consent.give(10_000, 'ses_a'), ['ses_a']);
  assert.equal(await one.answer, 'given');
  assert.deepEqual(
    consent.waiting.map(({ session }) => session),
    ['ses_b'],
  );
  assert.equal(consent.openForMs, 0);
  consent.forget('ses_a');
  assert.equal(consent.isGiven('ses_a'), false, 'it was used up when the session began');
  clock.advance(60_000);
  assert.equal(await other.answer, 'late');
});

test('consent for one session that has not come yet waits for it, for its time', () => {
  const { clock, consent } = room();
  consent.give(10_000, 'ses_a');
  consent.give(10_000, 'ses_b');
  clock.advance(9_999);
  assert.ok(consent.isGiven('ses_a'));
  clock.advance(1);
  assert.equal(consent.isGiven('ses_b'), false);
});

test('an operator who leaves waits no more, and leaves no timer behind', async () => {
  const { clock, consent, wait } = room();
  const { answer, leave } = wait();
  leave();
  assert.equal(await answer, 'left');
  assert.deepEqual(consent.waiting, []);
  assert.equal(clock.pendingTimers, 0);
  assert.deepEqual(consent.give(1_000), []);
});

test('who is sent away is refused, and the others go on waiting', async () => {
  const { consent, wait } = room();
  const [one, other] = [wait('ses_a'), wait('ses_b')];
  assert.deepEqual(consent.refuse('ses_a'), ['ses_a']);
  assert.equal(await one.answer, 'refused');
  assert.deepEqual(consent.refuse(), ['ses_b']);
  assert.equal(await other.answer, 'refused');
});

test('consent that was taken back lets nobody in', () => {
  const { consent } = room();
  consent.give(60_000);
  consent.give(60_000, 'ses_a');
  consent.withdraw();
  assert.equal(consent.isGiven('ses_a'), false);
  assert.equal(consent.isGiven('ses_b'), false);
});

test('only so many wait', async () => {
  const { consent, wait } = room();
  const waits = Array.from({ length: limits.consentWaitingMax }, (_, at) => wait(`ses_${at}`));
  assert.equal(await wait('ses_more').answer, 'full');
  consent.stop();
  for (const { answer } of waits) assert.equal(await answer, 'left');
  assert.equal(await wait().answer, 'left', 'after the stop nobody waits');
});

test('what is remembered is bounded', () => {
  const { consent } = room();
  for (let at = 0; at < 3 * limits.sessionsPerDeviceMax; at += 1) consent.give(60_000, `ses_${at}`);
  assert.equal(consent.isGiven('ses_0'), false);
  assert.ok(consent.isGiven(`ses_${3 * limits.sessionsPerDeviceMax - 1}`));
  consent.give(60_000);
  for (let at = 0; at < 3 * limits.sessionsPerDeviceMax; at += 1) consent.isGiven(`ses_${at}`);
  consent.withdraw();
  assert.equal(consent.isGiven('ses_0'), false);
  assert.ok(consent.isGiven(`ses_${3 * limits.sessionsPerDeviceMax - 1}`));
});
