import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { EventId } from '../core/ids.ts';
import { canonicalJson } from '../core/json.ts';
import { finishChain, startChain, verifyLeaf, verifyLeaves } from './audit-chain.ts';
import type { ChainHead, ChainStep, ReceivedLeaf } from './audit-chain.ts';
import { firstChainHash, hashEnvelope, makeLeaf, nextChainHash, type Leaf } from './audit-leaf.ts';

function chain(
  length: number,
  more: { readonly note?: string; readonly after?: readonly Leaf[] } = {},
): Leaf[] {
  const leaves = [...(more.after ?? [])];
  while (leaves.length < length) {
    const seq = leaves.length + 1;
    leaves.push(
      makeLeaf({
        fields: { type: 'lock.created', actor: { kind: 'system', id: 'test' }, outcome: 'success' },
        seq,
        id: `evt_${seq}` as EventId,
        time: `2030-01-01T00:00:00.${String(seq).padStart(6, '0')}Z`,
        body: canonicalJson({ note: `${more.note ?? 'event'} ${seq}` }),
        salt: new Uint8Array(32).fill(seq),
        previous: leaves.at(-1)?.chainHash ?? firstChainHash,
      }),
    );
  }
  return leaves;
}

const log = chain(9);
const headOf = (leaves: readonly Leaf[]): ChainHead => ({
  size: leaves.length,
  chainHash: leaves.at(-1)?.chainHash ?? firstChainHash,
});

function verify(leaves: readonly ReceivedLeaf[], heads: readonly ChainHead[] = [headOf(log)]): ChainStep {
  const step = verifyLeaves(startChain(heads), leaves);
  return step.ok ? finishChain(step.state) : step;
}

/** "fault at seq", or "whole". */
function verdict(leaves: readonly ReceivedLeaf[], heads?: readonly ChainHead[]): string {
  const step = verify(leaves, heads);
  return step.ok ? 'whole' : `${step.fault} at ${step.seq}`;
}

const changed = (seq: number, change: (leaf: Leaf) => ReceivedLeaf): ReceivedLeaf[] =>
  log.map((leaf) => (leaf.seq === seq ? change(leaf) : leaf));

/** Leaf `seq` with another envelope, and every hash from there on made to fit. */
function rewritten(seq: number, edit: (envelope: string) => string): Leaf[] {
  const leaves: Leaf[] = [];
  for (const leaf of log) {
    const envelope = leaf.seq === seq ? edit(leaf.envelope) : leaf.envelope;
    const leafHash = hashEnvelope(envelope);
    const chainHash = nextChainHash(leaves.at(-1)?.chainHash ?? firstChainHash, leafHash);
    leaves.push({ ...leaf, envelope, leafHash, chainHash });
  }
  return leaves;
}

test('a whole log verifies, in one run, leaf by leaf, and in pages of any size', () => {
  assert.equal(verdict(log), 'whole');
  let state = startChain([headOf(log), headOf(log.slice(0, 4))]);
  for (const leaf of log) {
    const step = verifyLeaf(state, leaf);
    assert.ok(step.ok);
    state = step.state;
  }
  assert.deepEqual(state, { ...headOf(log), time: '2030-01-01T00:00:00.000009Z', erased: 0, heads: [] });
});

test('R5 a flipped envelope is found at its leaf', () => {
  const flip = (leaf: Leaf): Leaf => ({ ...leaf, envelope: leaf.envelope.replace('success', 'failure') });
  assert.equal(verdict(changed(4, flip)), 'envelope at 4');
});

test('R5 a flipped envelope with its leaf hash made to fit breaks the chain there', () => {
  const flip = (leaf: Leaf): Leaf => {
    const envelope = leaf.envelope.replace('success', 'failure');
    return { ...leaf, envelope, leafHash: hashEnvelope(envelope) };
  };
  assert.equal(verdict(changed(4, flip)), 'chain at 4');
});

test('R5 a flipped chain hash is found at its leaf', () => {
  assert.equal(verdict(changed(4, (leaf) => ({ ...leaf, chainHash: firstChainHash }))), 'chain at 4');
});

test('R5 a flipped body or salt is found at its leaf', () => {
  assert.equal(verdict(changed(4, (leaf) => ({ ...leaf, body: '{"note":"other"}' }))), 'body at 4');
  assert.equal(verdict(changed(4, (leaf) => ({ ...leaf, salt: log[0]?.salt }))), 'body at 4');
});

test('R5 any one flipped bit is found at its leaf', () => {
  const members = ['envelope', 'body', 'salt', 'leafHash', 'chainHash'] as const;
  const places = fc.record({
    seq: fc.integer({ min: 1, max: log.length }),
    member: fc.constantFrom(...members),
    at: fc.nat(),
    bit: fc.integer({ min: 0, max: 6 }),
  });
  fc.assert(
    fc.property(places, ({ seq, member, at, bit }) => {
      const flip = (leaf: Leaf): Leaf => {
        // The last character of a base64url hash carries bits that no decoder reads.
        const text = leaf[member] ?? '';
        const index = at % (text.length - 1);
        const code = text.charCodeAt(index) ^ (1 << bit);
        return {
          ...leaf,
          [member]: text.slice(0, index) + String.fromCharCode(code) + text.slice(index + 1),
        };
      };
      const step = verify(changed(seq, flip));
      assert.ok(!step.ok);
      assert.equal(step.seq, seq);
    }),
  );
});

test('R5 a deleted leaf is named as a gap where it is missing', () => {
  assert.equal(verdict(log.filter(({ seq }) => seq !== 4)), 'gap at 4');
  assert.equal(verdict(log.slice(1)), 'gap at 1');
});

test('R5 a deleted leaf is found when those behind it were numbered anew', () => {
  const closed = log.filter(({ seq }) => seq !== 4).map((leaf, index) => ({ ...leaf, seq: index + 1 }));
  assert.equal(verdict(closed), 'malformed at 4');
});

test('R5 reordered leaves are found at the first that is out of place', () => {
  const swapped = [...log.slice(0, 3), ...log.slice(3, 5).toReversed(), ...log.slice(5)];
  assert.equal(verdict(swapped), 'order at 4');
  assert.equal(verdict(swapped.map((leaf, index) => ({ ...leaf, seq: index + 1 }))), 'malformed at 4');
  const state = verifyLeaves(startChain(), log.slice(0, 5));
  assert.ok(state.ok);
  const step = verifyLeaf(state.state, chain(3)[2] as Leaf);
  assert.ok(!step.ok);
  assert.deepEqual([step.fault, step.seq], ['order', 3]);
});

test('R5 a repeated leaf is named', () => {
  assert.equal(verdict([...log.slice(0, 4), ...log.slice(3)]), 'duplicate at 4');
});

test('R5 a truncated log is found by a remembered head, where it ends', () => {
  assert.equal(verdict(log.slice(0, 6)), 'truncated at 7');
  assert.equal(verdict([]), 'truncated at 1');
});

test('R5 a fork is found by a remembered head, also when the log has grown since', () => {
  const other = chain(9, { note: 'other', after: log.slice(0, 5) });
  assert.equal(verdict(other, []), 'whole');
  assert.equal(verdict(other), 'fork at 9');
  assert.equal(verdict(other, [headOf(log.slice(0, 7))]), 'fork at 7');
  assert.equal(verdict(other, [headOf(log.slice(0, 5))]), 'whole');
  assert.equal(verdict(log, [{ size: 0, chainHash: headOf(log).chainHash }]), 'fork at 0');
});

test('R5 a log rewritten from a leaf to its end is a fork', () => {
  const other = rewritten(4, (envelope) => envelope.replace('success', 'failure'));
  assert.equal(verdict(other, []), 'whole');
  assert.equal(verdict(other), 'fork at 9');
});

test('an erased body is fine and counted, half of one is not', () => {
  const erase = ({ salt: _salt, body: _body, ...leaf }: Leaf): ReceivedLeaf => leaf;
  const step = verify(changed(4, erase));
  assert.ok(step.ok);
  assert.equal(step.state.erased, 1);
  assert.equal(verdict(changed(4, (leaf) => ({ ...leaf, salt: undefined }))), 'body at 4');
  assert.equal(verdict(changed(4, (leaf) => ({ ...leaf, body: undefined }))), 'body at 4');
});

test('an envelope that could be read in two ways is refused, though every hash fits', () => {
  const edits: readonly ((envelope: string) => string)[] = [
    (envelope) => envelope.replace('{', '{ '),
    (envelope) => envelope.replace('"outcome":"success"', '"outcome":"success","outcome":"success"'),
    (envelope) => envelope.replace('"seq":4', '"seq":4.0'),
    (envelope) => envelope.replace('"seq":4', '"seq":5'),
    (envelope) => envelope.replace('"v":1', '"v":2'),
    (envelope) => envelope.replace('T00', ' 00'),
    (envelope) => envelope.replace('"bodyHash"', '"bodyhash"'),
    (envelope) => envelope.replace('success', '\\ud800'),
    () => '[]',
    () => '',
  ];
  for (const edit of edits) {
    const other = rewritten(4, edit);
    assert.notEqual(other[3]?.envelope, log[3]?.envelope);
    assert.equal(verdict(other, []), 'malformed at 4');
  }
});

test('time that does not rise is named', () => {
  const back = rewritten(4, (envelope) => envelope.replace('000004Z', '000003Z'));
  assert.equal(verdict(back, []), 'time at 4');
});

test('every fault has words', () => {
  const step = verify(log.slice(0, 6));
  assert.ok(!step.ok);
  assert.equal(step.message, 'the log ends before the remembered head');
});
