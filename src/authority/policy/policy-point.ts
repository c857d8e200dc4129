// The policy decision point (design section 5): holds one revision and answers questions about it. Deny is
// the default: no revision, no permit, a request that does not fit the schema, an evaluation error in any
// policy that could apply (Cedar itself would skip that policy), another tenant. Evaluation is linear in
// policies, so each action has its own set. The rules live in check.ts and obligations.ts; help.ts says
// what would turn a no into a yes; request.ts fills in the facts.

import {
  actions,
  type Action,
  type Decision,
  type HouseDecision,
  type HouseQuestion,
  type Obligations,
  type Question,
  type QuestionContext,
} from '../../core/decision.ts';
import { formatDuration } from '../../core/duration.ts';
import type { Identity } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { Newest } from '../../core/newest.ts';
import type { PolicyRevision } from '../../core/policy-revision.ts';
import { printable } from '../../core/printable.ts';
import { evaluateSet, guarded, keepSet, type Evaluation } from './cedar.ts';
import { requirePolicies, type ReadyPolicy } from './check.ts';
import { considerPolicies, type ConsideredPolicy } from './explain.ts';
import { whatWouldHelp } from './help.ts';
import { considerHouse, decideHouse, keepHouseSet, type HouseSet } from './house-point.ts';
import { mergeObligations } from './obligations.ts';
import { toCedarRequest } from './request.ts';
import { actionsOf, mayConcern, readByAny, subjectOf, ticketSamples } from './tree.ts';

export interface Explanation {
  readonly decision: Decision;
  /** One sentence: what settled it. */
  readonly why: string;
  /** Every policy that could apply to the action, in id order. */
  readonly considered: readonly ConsideredPolicy[];
  readonly help: readonly string[];
}

export interface HouseExplanation {
  readonly decision: HouseDecision;
  readonly considered: readonly ConsideredPolicy[];
}

/** The policies that can match one action, kept by the library under `setId`. */
interface Shard {
  readonly setId: string;
  readonly policies: ReadonlyMap<string, ReadyPolicy>;
  /** Context attributes that these policies read: other hypotheses cannot change the answer. */
  readonly reads: ReadonlySet<string> | 'all';
  readonly tickets: readonly string[];
  /** What these policies said to a request, by its text: the same again, as long as they are in force. */
  readonly said: Newest<Evaluation>;
}

interface Loaded {
  readonly revision: PolicyRevision;
  readonly shards: Readonly<Record<Action, Shard>>;
  /** Those about the broker itself. */
  readonly house: HouseSet;
}

/** A decision and, for explanations, the words behind it. */
interface Verdict {
  readonly decision: Decision;
  readonly why: string;
}

// The library never forgets a set id, so the ids of closed points are used again.
const freeSlots: number[] = [];
let slotsMade = 0;

function takeSlot(): number {
  const free = freeSlots.pop();
  if (free !== undefined) return free;
  slotsMade += 1;
  return slotsMade;
}

export class PolicyPoint {
  readonly #slot = takeSlot();
  /** Sets are loaded into the bank that is not in use, so a failed load leaves the old one whole. */
  #bank: 0 | 1 = 0;
  #loaded: Loaded | undefined;
  #closed = false;

  get revision(): PolicyRevision | undefined {
    return this.#loaded?.revision;
  }

  /** Puts a revision in force, all or nothing; undefined = none. Throws policy_invalid, and the old stays. */
  load(revision: PolicyRevision | undefined): void {
    if (this.#closed) throw new Error('this policy point is closed');
    const before = this.#bank;
    if (revision === undefined) {
      this.#loaded = undefined;
    } else {
      const policies = requirePolicies(revision.files);
      const bank = before === 0 ? 1 : 0;
      const entries = actions.map((action) => [action, this.#loadShard({ bank, action, policies })] as const);
      const house = policies.filter(({ tree }) => subjectOf(tree) === 'house');
      this.#loaded = {
        revision,
        house: keepHouseSet(this.#houseSetId(bank), house),
        shards: Object.fromEntries(entries) as Record<Action, Shard>,
      };
      this.#bank = bank;
    }
    this.#emptyBank(before);
  }

  /** Frees the sets. A closed point answers as one without a policy. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#loaded = undefined;
    this.#emptyBank(this.#bank);
    freeSlots.push(this.#slot);
  }

  /** The answer, with what would help where it is no. Never throws: what cannot be evaluated is a no. */
  decide(question: Question): Decision {
    const { decision } = this.#judge(question);
    return decision.outcome === 'allow' ? decision : this.#withHelp(question, decision);
  }

  /** Whether somebody may do this with the broker itself. Never throws: what cannot be evaluated is a no. */
  decideHouse(question: HouseQuestion): HouseDecision {
    return decideHouse(this.#loaded?.house, question);
  }

  explainHouse(question: HouseQuestion): HouseExplanation {
    return {
      decision: this.decideHouse(question),
      considered: considerHouse(this.#loaded?.house.policies ?? [], question),
    };
  }

  /** The same answer, with every policy that was looked at. For people: slow. */
  explain(question: Question): Explanation {
    const verdict = this.#judge(question);
    const decision =
      verdict.decision.outcome === 'allow' ? verdict.decision : this.#withHelp(question, verdict.decision);
    return {
      decision,
      why: printable(verdict.why, 400),
      considered: considerPolicies(this.#loaded?.shards[question.action]?.policies.values() ?? [], () =>
        toCedarRequest(question),
      ),
      help: decision.outcome === 'deny' ? decision.help : [],
    };
  }

  /** The most that any policy demands that might permit it: for what depends on conditions that are not known yet. */
  mostDemanded(question: Question): Pick<Obligations, 'approvers' | 'approvedBy'> {
    const request = toCedarRequest(question);
    const demands = [...(this.#loaded?.shards[question.action].policies.values() ?? [])]
      .filter(({ tree }) => mayConcern(tree, request))
      .map(({ obligations }) => obligations);
    const approvers = Math.max(0, ...demands.map((demand) => demand.approvers ?? 0));
    const isByPasskey = demands.some(({ approvedBy }) => approvedBy === 'passkey');
    return { approvers, ...(isByPasskey ? { approvedBy: 'passkey' } : {}) };
  }

  /** Those among `principals` who get a yes. */
  whoCan(question: Omit<Question, 'principal'>, principals: Iterable<Identity>): readonly Identity[] {
    return [...principals].filter((principal) => this.#isAllowed({ ...question, principal }));
  }

  /** The actions to which the answer is yes. */
  could(question: Omit<Question, 'action'>): readonly Action[] {
    return actions.filter((action) => this.#isAllowed({ ...question, action }));
  }

  #isAllowed(question: Question): boolean {
    return this.#judge(question).decision.outcome === 'allow';
  }

  #judge(question: Question): Verdict {
    const loaded = this.#loaded;
    if (loaded === undefined) {
      return {
        decision: { outcome: 'deny', revision: undefined, policies: [], code: 'no_policy', help: [] },
        why: 'no policy has been applied yet, so nothing is granted',
      };
    }
    const revision = loaded.revision.id;
    const deny = (
      code: (Decision & { readonly outcome: 'deny' })['code'],
      policies: readonly string[],
      why: string,
    ): Verdict => ({ decision: { outcome: 'deny', revision, policies, code, help: [] }, why });

    if (question.principal.tenant !== question.device.tenant) {
      return deny('not_permitted', [], 'the identity and the device belong to different tenants');
    }
    const shard = loaded.shards[question.action];
    const result = evaluate(shard, question);
    if (!result.ok)
      return deny('evaluation_error', [], `the question cannot be evaluated: ${result.message}`);
    if (result.errors.length > 0) {
      const policies = result.errors.map((error) => error.policy).sort();
      return deny(
        'evaluation_error',
        policies,
        `${quotedList(policies)} could not be evaluated, which denies`,
      );
    }
    const reasons = [...result.reasons].sort();
    if (!result.permits) {
      return reasons.length > 0
        ? deny('forbidden', reasons, `forbidden by ${quotedList(reasons)}`)
        : deny('not_permitted', [], 'no policy permits it');
    }
    const merged = mergeObligations(
      new Map(reasons.map((id) => [id, shard.policies.get(id)?.obligations ?? {}])),
    );
    if (!merged.ok) return deny('obligation_conflict', reasons, merged.message);
    const { approvers = 0, approvedBy, mfaMs, mfaBy } = merged.obligations;
    const { context } = question;
    const approvals = (approvedBy === undefined ? context.approvals : context.passkeyApprovals) ?? 0;
    if (approvals < approvers) {
      const how = approvedBy === undefined ? '' : ` by ${approvedBy}`;
      const why = `permitted by ${quotedList(reasons)} once ${approvers} approved it${how}, and ${approvals} did`;
      return deny('not_approved', reasons, why);
    }
    if (mfaMs !== undefined && !hasFreshYes(mfaMs, mfaBy, context)) {
      const what = mfaMs === 0 ? 'said yes to exactly this' : `said yes within ${formatDuration(mfaMs)}`;
      const who = mfaBy === 'totp' ? 'an own passkey, or a code of an authenticator app,' : 'an own passkey';
      return deny('not_fresh', reasons, `permitted by ${quotedList(reasons)} once ${who} ${what}`);
    }
    return {
      decision: { outcome: 'allow', revision, policies: reasons, obligations: merged.obligations },
      why: `permitted by ${quotedList(reasons)}`,
    };
  }

  #withHelp(question: Question, decision: Decision & { readonly outcome: 'deny' }): Decision {
    const shard = this.#loaded?.shards[question.action];
    if (shard === undefined || !helpable.has(decision.code)) return decision;
    if (question.principal.tenant !== question.device.tenant) return decision;
    const help = whatWouldHelp({
      context: question.context,
      reads: shard.reads,
      tickets: shard.tickets,
      isAllowed: (context) => this.#isAllowed({ ...question, context }),
    });
    return { ...decision, help };
  }

  #loadShard(options: {
    readonly bank: 0 | 1;
    readonly action: Action;
    readonly policies: readonly ReadyPolicy[];
  }): Shard {
    const { bank, action } = options;
    const policies = new Map(
      options.policies
        .filter(({ tree }) => actionsOf(tree).includes(action))
        .map((policy) => [policy.id, policy] as const),
    );
    const setId = this.#setId(bank, action);
    keepSet(setId, Object.fromEntries([...policies].map(([id, { text }]) => [id, text])));
    const list = [...policies.values()];
    return {
      setId,
      policies,
      reads: allReads(list),
      tickets: list.flatMap(({ tree }) => ticketSamples(tree)),
      said: new Newest(limits.decisionsKept),
    };
  }

  #emptyBank(bank: 0 | 1): void {
    for (const action of actions) keepSet(this.#setId(bank, action), {});
    keepSet(this.#houseSetId(bank), {});
  }

  #houseSetId(bank: 0 | 1): string {
    return `${this.#slot}/${bank}/house`;
  }

  #setId(bank: 0 | 1, action: Action): string {
    return `${this.#slot}/${bank}/${action}`;
  }
}

/**
 * Evaluation follows from the set and the request alone, so a request that came before is answered as before.
 * All of it counts, entities too, but for the time where no policy of the set reads it: there it differs from
 * one question to the next without making a difference.
 */
function evaluate(shard: Shard, question: Question): Evaluation {
  return guarded(() => {
    const request = toCedarRequest(question);
    const run = (): Evaluation => evaluateSet(shard.setId, request);
    if (shard.reads === 'all' || shard.reads.has('now')) return run();
    const { now: _now, ...context } = request.context;
    return shard.said.get(JSON.stringify({ ...request, context }), run);
  });
}

/** From the future, or unknown, is not fresh. `mfaMs` 0: it has to be for exactly this. */
function isFresh(mfaMs: number, ageMs: number | undefined, isForThis: boolean | undefined): boolean {
  if (mfaMs === 0) return isForThis === true;
  return ageMs !== undefined && ageMs >= 0 && ageMs <= mfaMs;
}

/** His own passkey's yes is young enough; or the code that he gave, where one will do. */
function hasFreshYes(mfaMs: number, mfaBy: 'totp' | undefined, context: QuestionContext): boolean {
  if (isFresh(mfaMs, context.mfaAgeMs, context.mfaIsForThis)) return true;
  return mfaBy === 'totp' && isFresh(mfaMs, context.totpAgeMs, context.totpIsForThis);
}

/** Of refusals, those that other facts could turn into a yes. */
const helpable: ReadonlySet<string> = new Set(['not_permitted', 'forbidden', 'not_approved', 'not_fresh']);

function allReads(policies: readonly ReadyPolicy[]): ReadonlySet<string> | 'all' {
  const read = readByAny(policies.map(({ tree }) => tree));
  if (read === 'all') return 'all';
  const reads = new Set(read);
  if (policies.some(({ obligations }) => obligations.approvers !== undefined)) reads.add('approvals');
  if (policies.some(({ obligations }) => obligations.mfaMs !== undefined)) reads.add('mfaAgeSeconds');
  return reads;
}

function quotedList(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
