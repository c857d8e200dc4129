// The verifier of the log's chain: state in, leaf in, state or fault out, so that a log of any length is
// checked page by page in flat memory. It trusts nothing but the heads that its caller remembers: without
// one, a log that was rewritten from some leaf to its end looks whole (docs/audit.md, "What a chain proves").

import { canonicalJson, parseJsonObject, type JsonObject } from '../core/json.ts';
import {
  envelopeVersion,
  firstChainHash,
  hashBody,
  hashEnvelope,
  nextChainHash,
  type Leaf,
} from './audit-leaf.ts';

export type ChainFault =
  | 'malformed'
  | 'envelope'
  | 'body'
  | 'chain'
  | 'gap'
  | 'order'
  | 'duplicate'
  | 'time'
  | 'fork'
  | 'truncated';

const words: Readonly<Record<ChainFault, string>> = {
  malformed: 'the envelope is not a version 1 envelope in canonical form with this number',
  envelope: 'the envelope was changed: it does not hash to the leaf hash',
  body: 'the body was changed: body and salt do not hash to what the envelope says',
  chain: 'the leaf does not follow the one before it: the chain hash differs',
  gap: 'a leaf is missing here',
  order: 'the leaves are out of order here',
  duplicate: 'the leaf appears twice',
  time: 'the time is not after that of the leaf before',
  fork: 'another log: at this size the remembered head has another hash',
  truncated: 'the log ends before the remembered head',
};

/** A remembered end of the log: its size, and the chain hash at that size. */
export interface ChainHead {
  readonly size: number;
  readonly chainHash: string;
}

/** A leaf as it may come over the api, where what is absent may be undefined. */
export type ReceivedLeaf = Omit<Leaf, 'salt' | 'body'> & {
  readonly salt?: string | undefined;
  readonly body?: string | undefined;
};

export interface ChainState extends ChainHead {
  /** RFC 3339 time of the last leaf, empty before the first. */
  readonly time: string;
  /** Leaves whose body was erased: fine, and counted. */
  readonly erased: number;
  /** Remembered heads that have not been reached. */
  readonly heads: readonly ChainHead[];
}

export type ChainStep =
  | { readonly ok: true; readonly state: ChainState }
  | { readonly ok: false; readonly seq: number; readonly fault: ChainFault; readonly message: string };

/** The state before the first leaf. `heads` are what this verifier has seen of the log before. */
export function startChain(heads: readonly ChainHead[] = []): ChainState {
  return { size: 0, chainHash: firstChainHash, time: '', erased: 0, heads };
}

/** Checks the next leaf. `seq` of a fault is where the log stops being what it was. */
export function verifyLeaf(state: ChainState, leaf: ReceivedLeaf): ChainStep {
  const seq = state.size + 1;
  if (leaf.seq !== seq) return misplaced(state, leaf.seq);
  if (hashEnvelope(leaf.envelope) !== leaf.leafHash) return faulty(seq, 'envelope');
  const read = readEnvelope(leaf.envelope, seq);
  if (read === undefined) return faulty(seq, 'malformed');
  const erased = leaf.body === undefined && leaf.salt === undefined;
  if (!erased && !isBodyOf(leaf, read.bodyHash)) return faulty(seq, 'body');
  if (nextChainHash(state.chainHash, leaf.leafHash) !== leaf.chainHash) return faulty(seq, 'chain');
  if (read.time <= state.time) return faulty(seq, 'time');
  if (state.heads.some((head) => head.size === seq && head.chainHash !== leaf.chainHash)) {
    return faulty(seq, 'fork');
  }
  return {
    ok: true,
    state: {
      size: seq,
      chainHash: leaf.chainHash,
      time: read.time,
      erased: state.erased + (erased ? 1 : 0),
      heads: state.heads.filter((head) => head.size !== seq),
    },
  };
}

/** Checks a run of leaves. A missing leaf that turns up later in the same run is named as disorder. */
export function verifyLeaves(state: ChainState, leaves: readonly ReceivedLeaf[]): ChainStep {
  let current = state;
  for (const [index, leaf] of leaves.entries()) {
    const step = verifyLeaf(current, leaf);
    if (!step.ok) {
      const isLater = step.fault === 'gap' && leaves.slice(index).some((later) => later.seq === step.seq);
      return isLater ? faulty(step.seq, 'order') : step;
    }
    current = step.state;
  }
  return { ok: true, state: current };
}

/** After the last leaf: every remembered head must have been reached. */
export function finishChain(state: ChainState): ChainStep {
  if (state.heads.some((head) => head.size > state.size)) return faulty(state.size + 1, 'truncated');
  const empty = state.heads.find((head) => head.size === 0);
  if (empty !== undefined && empty.chainHash !== firstChainHash) return faulty(0, 'fork');
  return { ok: true, state };
}

function misplaced(state: ChainState, found: number): ChainStep {
  if (found > state.size + 1) return faulty(state.size + 1, 'gap');
  return faulty(found, found === state.size ? 'duplicate' : 'order');
}

function faulty(seq: number, fault: ChainFault): ChainStep {
  return { ok: false, seq, fault, message: words[fault] };
}

function isBodyOf(leaf: ReceivedLeaf, bodyHash: string): boolean {
  return leaf.body !== undefined && leaf.salt !== undefined && hashBody(leaf.body, leaf.salt) === bodyHash;
}

const timePattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/;

// Canonical form is demanded so that there is one reading: no repeated member, no second spelling.
function readEnvelope(envelope: string, seq: number): { time: string; bodyHash: string } | undefined {
  const fields = parseJsonObject(envelope);
  if (fields === undefined || !isCanonical(fields, envelope)) return undefined;
  const { v, time, bodyHash } = fields;
  if (v !== envelopeVersion || fields['seq'] !== seq) return undefined;
  if (typeof time !== 'string' || !timePattern.test(time) || typeof bodyHash !== 'string') return undefined;
  return { time, bodyHash };
}

function isCanonical(fields: Record<string, unknown>, text: string): boolean {
  try {
    return canonicalJson(fields as JsonObject) === text;
  } catch (error) {
    // A lone surrogate, or nesting that no envelope has.
    if (error instanceof TypeError || error instanceof RangeError) return false;
    throw error;
  }
}
