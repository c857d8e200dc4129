// The owner's word on this device, held for as long as the agent runs: his rules, read again when he says
// so, and his consent. Every channel passes here after its pass was found good and before anything starts;
// a refusal says that it was the owner, so that nobody looks for it in the broker's policy.

import type { ChannelParams, FilesParams } from '../../core/channel.ts';
import { userOf } from '../../core/channel.ts';
import { formatDuration } from '../../core/duration.ts';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import type { Pass } from '../../wire/pass.ts';
import { findAccount, type Account } from '../services/account.ts';
import { Consent } from './consent.ts';
import { atHome, mayTouch, ownerAllows, type Asked } from './decide.ts';
import { loadRules, type RulesFile } from './load-rules.ts';
import { realPathOf } from './real-paths.ts';
import { noRules, type OwnerRules } from './rules.ts';

export interface OwnerOptions {
  readonly file: RulesFile;
  readonly ownAccount: Account;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Admission {
  readonly pass: Pass;
  readonly params: ChannelParams;
  /** Unix ms, signed time. */
  readonly now: number;
  /** Aborted when the operator or the link has gone. */
  readonly signal: AbortSignal;
  /** The operator has to wait for somebody on site. */
  readonly onWaiting: () => void;
}

const next = 'ask its owner: the rules are in agent.yaml on the device';

export class Owner {
  readonly consent: Consent;
  /** Ends a session that the owner's new rules no longer allow. Set by whoever carries sessions. */
  onRefused: (session: string) => void = () => undefined;
  readonly #options: OwnerOptions;
  #rules: OwnerRules;
  readonly #open = new Set<Asked & { readonly pass: Pass }>();
  #reloading = Promise.resolve();

  private constructor(options: OwnerOptions, rules: OwnerRules) {
    this.#options = options;
    this.#rules = rules;
    this.consent = new Consent(options.clock);
  }

  /** Throws SallyportError or FileFault with words: rules that cannot be read start no agent. */
  static async open(options: OwnerOptions): Promise<Owner> {
    const { path, isNamed } = options.file;
    const rules = await loadRules(path);
    if (rules === undefined && isNamed) {
      throw new SallyportError('invalid', `there is no file "${path}"`, {
        next: 'write it (docs/agent.md has an example), or leave out --config',
      });
    }
    return new Owner(options, rules ?? noRules);
  }

  get rules(): OwnerRules {
    return this.#rules;
  }

  /** Reads the rules again and ends what they no longer allow. A file with a fault changes nothing. */
  reload(): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reload());
    return this.#reloading;
  }

  /**
   * Throws `owner_refused`; waits for consent where it is required. Nothing has started yet. From the
   * answer on the channel counts as open, so that new rules reach it, until the answer is called.
   */
  async admit(admission: Admission): Promise<() => void> {
    let asked = await this.#check(admission);
    if (this.#rules.isConsentRequired && !this.consent.isGiven(admission.pass.session)) {
      await this.#awaitConsent(admission);
      asked = await this.#check(admission);
    }
    // The rules of this moment: they may have been read again while a path was looked up.
    requireYes(ownerAllows(this.#rules, asked));
    const open = { ...asked, pass: admission.pass };
    this.#open.add(open);
    return () => void this.#open.delete(open);
  }

  async #check({ pass, params }: Pick<Admission, 'pass' | 'params'>): Promise<Asked> {
    const { ownAccount } = this.#options;
    const asked = { pass, params, ownUser: ownAccount.name, home: ownAccount.home };
    const { paths, ...byName } = this.#rules;
    requireYes(ownerAllows(byName, asked));
    if (params.kind !== 'files') return asked;
    // Only paths need the account itself; everything else was decided by its name, before it is looked up.
    const { home } = await findAccount(userOf(params), ownAccount);
    const atHomeOf = { ...asked, home };
    if (paths === undefined) return atHomeOf;
    requireYes(ownerAllows(this.#rules, atHomeOf));
    await this.#requireRealPaths(paths, params, home);
    return atHomeOf;
  }

  async #requireRealPaths(
    paths: NonNullable<OwnerRules['paths']>,
    { mode, roots }: FilesParams,
    home: string,
  ): Promise<void> {
    const places = await Promise.all(paths[mode].map((path) => realPathOf(atHome(path, home))));
    const real = {
      ...noRules,
      paths: { read: [], write: [], [mode]: places.filter((place) => place !== undefined) },
    };
    for (const root of roots) {
      const place = await realPathOf(atHome(root, home));
      if (place !== undefined && mayTouch(real, mode, place, home)) continue;
      throw refusal(`the device's owner does not allow where "${printable(root)}" leads`);
    }
  }

  async #awaitConsent({ pass, params, now, signal, onWaiting }: Admission): Promise<void> {
    const { log } = this.#options;
    const { session, name, target } = pass;
    const withinMs = Math.min(limits.consentWaitMs, pass.startBy - now);
    log.info({ session, name }, 'a session waits for consent');
    onWaiting();
    const answer = await this.consent.wait(
      { session, name, target, kind: params.kind },
      { withinMs, signal },
    );
    log.info({ session, answer }, 'the wait for consent is over');
    switch (answer) {
      case 'given':
        return;
      case 'refused':
        throw refusal('consent was refused on the device', 'ask its owner');
      case 'late':
        throw refusal(
          `consent was not given on the device within ${formatDuration(withinMs)}`,
          'ask somebody on site to type "sallyport agent allow 30m" there, and try again',
        );
      case 'full':
        throw new SallyportError('rate_limited', 'too many sessions wait for consent on this device already');
      case 'left':
        throw new SallyportError('unavailable', 'nobody waits for the answer any more');
      default:
        return answer satisfies never;
    }
  }

  async #reload(): Promise<void> {
    const { file, log } = this.#options;
    try {
      const rules = await loadRules(file.path);
      // A file that went away is more likely a mistake than a wish to allow everything.
      if (rules === undefined && this.#rules !== noRules) {
        log.error({ path: file.path }, 'the rules are gone, and the old ones stay; a restart runs without');
        return;
      }
      this.#rules = rules ?? noRules;
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      log.error(
        { path: file.path, error: words },
        'the rules could not be read again, and the old ones stay',
      );
      return;
    }
    log.info({ path: file.path }, 'the rules were read again');
    for (const open of this.#open) {
      if (!ownerAllows(this.#rules, open).ok) this.onRefused(open.pass.session);
    }
  }
}

function requireYes(answer: ReturnType<typeof ownerAllows>): void {
  if (!answer.ok) throw refusal(answer.words);
}

function refusal(words: string, then: string = next): SallyportError {
  return new SallyportError('owner_refused', words, { next: then });
}
