// What was asked of authenticators and providers and not answered yet. Each challenge is good once, for what it was made for, for
// a few minutes; there is a bound, and the oldest make room, so that one address makes only so many: it must not push
// out those of all others. Lost with the process: people try again.

import { SallyportError } from '../../core/errors.ts';
import type { EnrollmentId, IdentityId } from '../../core/ids.ts';
import { limits } from '../../core/limits.ts';
import { RateLimit } from '../api/rate-limit.ts';
import type { AuthorityContext } from '../context.ts';
import type { Round } from '../providers/provider.ts';

export type Asked =
  | { readonly purpose: 'sign_in' }
  /** `identity` is the id that a new person will have. */
  | { readonly purpose: 'enroll'; readonly enrollment: EnrollmentId; readonly identity: IdentityId }
  | { readonly purpose: 'add'; readonly identity: IdentityId }
  /** To make recovery codes. */
  | { readonly purpose: 'codes'; readonly identity: IdentityId }
  /** To use one: `code` is its hash. */
  | { readonly purpose: 'recover'; readonly identity: IdentityId; readonly code: string }
  /** At a provider: to sign in, or to let in the command that waits with this code. */
  | { readonly purpose: 'provider'; readonly provider: string; readonly round: Round }
  | {
      readonly purpose: 'provider_code';
      readonly provider: string;
      readonly round: Round;
      readonly identity: IdentityId;
      readonly content: string;
    };

export class Challenges {
  readonly #ctx: Pick<AuthorityContext, 'clock' | 'random'>;
  /** In order of age. */
  readonly #open = new Map<string, { readonly asked: Asked; readonly expiresAt: number }>();

  readonly #perAddress: RateLimit;

  readonly #lifeMs: number;

  constructor(ctx: Pick<AuthorityContext, 'clock' | 'random'>, lifeMs: number = limits.challengeLifeMs) {
    this.#ctx = ctx;
    this.#lifeMs = lifeMs;
    this.#perAddress = new RateLimit(ctx.clock, limits.challengesPerAddressPerMinute);
  }

  /** 32 bytes, base64url. Throws `rate_limited`. */
  make(asked: Asked, sourceIp: string): string {
    const { clock, random } = this.#ctx;
    if (!this.#perAddress.take(sourceIp)) {
      throw new SallyportError('rate_limited', 'too many sign-ins were begun from your address', {
        next: 'try again in a minute',
      });
    }
    const challenge = Buffer.from(random.bytes(32)).toString('base64url');
    const oldest = this.#open.size >= limits.challengesMax ? this.#open.keys().next().value : undefined;
    if (oldest !== undefined) this.#open.delete(oldest);
    this.#open.set(challenge, { asked, expiresAt: clock.bootMs() + this.#lifeMs });
    return challenge;
  }

  /** Whatever comes of it, the challenge is used. Undefined: not made here, over, used, or for something else. */
  take<P extends Asked['purpose']>(
    challenge: string | undefined,
    purpose: P,
  ): Extract<Asked, { readonly purpose: P }> | undefined {
    const found = challenge === undefined ? undefined : this.#open.get(challenge);
    if (challenge === undefined || found === undefined) return undefined;
    this.#open.delete(challenge);
    if (found.asked.purpose !== purpose || found.expiresAt <= this.#ctx.clock.bootMs()) return undefined;
    return found.asked as Extract<Asked, { readonly purpose: P }>;
  }
}
