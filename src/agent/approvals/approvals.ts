// Approvals as this device looks at them itself, where its owner wants that (`approvals: verify` in agent.yaml): for
// every channel, before anything starts, and again for what runs whenever the rules or the pinned set change.

import type { ApprovalCheck, ApproverSet } from '../../core/approver-set.ts';
import type { ChannelParams } from '../../core/channel.ts';
import { SallyportError, type ErrorCode } from '../../core/errors.ts';
import { Turns } from '../../core/turns.ts';
import type { Log } from '../../platform/log.ts';
import type { Pass } from '../../wire/pass.ts';
import type { SignedApproverSet } from '../../wire/approver-set.ts';
import { checkApproval, type ApprovedRequest } from './check-approval.ts';
import { loadPinnedSet, pinSet, raiseSet } from './pinned-set.ts';
import { UsedRequests } from './used-requests.ts';

export interface Shown {
  readonly pass: Pass;
  readonly params: ChannelParams;
  /** What came with the channel, as it came. */
  readonly header: string | undefined;
}

export interface ApprovalsOptions {
  readonly dir: string;
  readonly device: string;
  /** As the owner's rules say at this moment. */
  readonly check: () => ApprovalCheck;
  readonly log: Log;
}

/** A set that just changed, or rules: whoever reports to the broker wants to know. */
export interface ApprovalState {
  readonly check: ApprovalCheck;
  readonly set: ApproverSet | undefined;
}

/** Let in so far, and under which rules that was. */
export interface Admitted {
  readonly under: ApprovalState;
  /** Absent: this device looks at none. */
  readonly approved?: ApprovedRequest;
}

export class Approvals {
  readonly #options: ApprovalsOptions;
  readonly #used: UsedRequests;
  #set: ApproverSet | undefined;
  /** What each open channel was let in with. */
  readonly #open = new Set<Shown>();
  readonly #turns = new Turns();
  /** Ends a session that is not approved any more. Set by whoever carries sessions. */
  onRefused: (session: string) => void = () => undefined;
  onChanged: () => void = () => undefined;

  private constructor(options: ApprovalsOptions, used: UsedRequests, set: ApproverSet | undefined) {
    this.#options = options;
    this.#used = used;
    this.#set = set;
  }

  /** Throws SallyportError or FileFault with words: an agent that cannot tell what was used starts nothing. */
  static async open(options: ApprovalsOptions): Promise<Approvals> {
    return new Approvals(options, await UsedRequests.open(options.dir), await loadPinnedSet(options.dir));
  }

  get state(): ApprovalState {
    return { check: this.#options.check(), set: this.#set };
  }

  /** Throws SallyportError with the code of what is wrong. Uses nothing up yet. */
  async require(shown: Shown, now: number): Promise<Admitted> {
    const under = this.state;
    const { check, set } = under;
    if (check === 'off') return { under };
    const { device } = this.#options;
    const answer = await checkApproval(shown.header, shown, { device, check, set, now });
    if (answer.ok) return { under, approved: answer.approved };
    throw refusal(answer.code, answer.title, shown.pass.target);
  }

  /**
   * The last step before the first byte: the request is used up by this session, on the disk. Answers when the
   * session ends at the latest, Unix ms by signed time. What changed since it was required counts.
   */
  async use(shown: Shown, admitted: Admitted, now: number): Promise<number> {
    const { check, set } = this.state;
    const isSame = admitted.under.check === check && admitted.under.set === set;
    const { approved } = isSame ? admitted : await this.require(shown, now);
    if (approved === undefined) return Number.POSITIVE_INFINITY;
    const answer = await this.#used.use(approved, shown.pass, now);
    if (answer.ok) return answer.endsAt;
    throw refusal(answer.code, answer.title, shown.pass.target);
  }

  /** A session has ended here: what it used up opens nothing any more, under its id neither. */
  ended(session: string): void {
    this.#used.end(session);
  }

  /** Until the answer is called, changes of the rules and of the set reach the channel. */
  watch(shown: Shown): () => void {
    this.#open.add(shown);
    return () => void this.#open.delete(shown);
  }

  /** By somebody on site. Throws `conflict` for a version that is not later. */
  async pin(next: SignedApproverSet, now: number | undefined): Promise<void> {
    await this.#turns.take(async () => {
      await pinSet(this.#options.dir, next);
      this.#set = next.set;
    });
    await this.review(now);
  }

  /** What the broker brought, the oldest first. Whatever is not signed as it takes is left out, and logged. */
  async raise(offered: readonly SignedApproverSet[], now: number): Promise<void> {
    const { dir, log } = this.#options;
    for (const next of offered) {
      await this.#turns.take(async () => {
        const pinned = this.#set;
        if (pinned === undefined || next.set.version <= pinned.version) return;
        const answer = await raiseSet(dir, pinned, next, now);
        if (answer.ok) this.#set = answer.set;
        const { version } = next.set;
        if (answer.ok) log.info({ version }, 'the next approver set is pinned');
        else log.warn({ version, why: answer.why }, 'an approver set of the broker was refused');
      });
    }
    await this.review(now);
  }

  /** Ends what would not be let in now. `now`: signed time; without it no link carries anything. */
  async review(now: number | undefined): Promise<void> {
    if (now !== undefined) {
      for (const shown of this.#open) {
        const isGood = await this.#isGood(shown, now);
        if (!isGood) this.onRefused(shown.pass.session);
      }
    }
    this.onChanged();
  }

  async #isGood(shown: Shown, now: number): Promise<boolean> {
    try {
      await this.require(shown, now);
      return true;
    } catch (error) {
      if (!(error instanceof SallyportError)) throw error;
      // A set that ran out lets nobody in any more; who is in was approved while it held.
      return error.code === 'approvers_expired';
    }
  }
}

function refusal(code: ErrorCode, title: string, target: string): SallyportError {
  return new SallyportError(code, title, { next: nextFor(code, target) });
}

function nextFor(code: ErrorCode, target: string): string {
  switch (code) {
    case 'approvers_missing':
      return 'somebody on site pins one: sallyport agent pin-approvers FILE';
    case 'approvers_expired':
      return 'somebody on site pins a later one: sallyport agent pin-approvers FILE';
    case 'approval_signature':
    case 'approval_malformed':
      return 'tell the owner of the device and whoever runs the broker: this should not happen by itself';
    default:
      return `ask for it: sallyport request ${target} --for 30m --reason "…"`;
  }
}
