// Where people come in by a provider: the browser leaves for it with what has to come back, and comes back with it.
// Whoever brings it back has to hold the secret of the page that left: a link that somebody else made opens nothing
// here (negative test I4). Also where a provider tells that somebody signed out (logout.ts).

import type { Returning } from '../../api/providers.ts';
import { SallyportError } from '../../core/errors.ts';
import type { Role } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { Attempts } from '../api/attempts.ts';
import type { Refusals } from '../api/refusals.ts';
import type { Operator } from '../admin/operator.ts';
import type { AuthorityContext } from '../context.ts';
import { Challenges } from '../passkeys/challenges.ts';
import type { SignInCodes } from '../passkeys/codes.ts';
import { requireConsole } from '../passkeys/options.ts';
import { letIn, type LetIn } from '../passkeys/passkey-door.ts';
import { newSignIn } from '../passkeys/sign-ins.ts';
import { reviewSessions } from '../sessions/review-sessions.ts';
import { StoreConflict } from '../store/store.ts';
import { IssuerKeys } from '../workload/issuer-keys.ts';
import type { ProvidersConfig } from './config.ts';
import { endAtProvider } from './end-at-provider.ts';
import { readLogout } from './logout.ts';
import { findPerson, rolesOf } from './person.ts';
import { Provider, ProviderRefused, type Person, type Round } from './provider.ts';

export interface Left {
  readonly url: string;
  /** Stays in the page that left. */
  readonly secret: string;
}

export class ProviderDoor {
  readonly #ctx: AuthorityContext;
  readonly #providers: ReadonlyMap<string, Provider>;
  readonly #keys: IssuerKeys;
  readonly #attempts: Attempts;
  readonly #rounds: Challenges;
  readonly #codes: SignInCodes;

  constructor(
    ctx: AuthorityContext,
    refusals: Refusals,
    { config, codes }: { readonly config: ProvidersConfig; readonly codes: SignInCodes },
  ) {
    const { ca } = config;
    const options = { clock: ctx.clock, ...(ca === undefined ? {} : { ca }) };
    this.#ctx = ctx;
    this.#codes = codes;
    this.#providers = new Map(
      [...config.providers].map(([name, provider]) => [name, new Provider(provider, options)]),
    );
    this.#keys = new IssuerKeys(ctx.clock, { ca });
    this.#rounds = new Challenges(ctx, limits.providerRoundMs);
    this.#attempts = new Attempts(ctx, refusals, {
      perMinute: limits.passkeyAttemptsPerAddressPerMinute,
      what: 'sign-ins',
      next: 'try again in a minute',
    });
  }

  list(): { readonly items: { readonly name: string; readonly title: string }[] } {
    return { items: [...this.#providers.values()].map(({ config: { name, title } }) => ({ name, title })) };
  }

  async begin(name: string, sourceIp: string): Promise<Left> {
    const provider = this.#find(name);
    const round = this.#round(false);
    const secret = this.#rounds.make({ purpose: 'provider', provider: name, round }, sourceIp);
    return { url: (await provider.begin(round)).href, secret };
  }

  async finish({ secret, returned }: Returning, sourceIp: string): Promise<LetIn> {
    const ctx = this.#ctx;
    return await this.#guarded(sourceIp, async () => {
      const asked = this.#rounds.take(secret, 'provider');
      if (asked === undefined) throw new ProviderRefused('nobody here left for it');
      const provider = this.#find(asked.provider);
      const person = await provider.finish(asked.round, returned);
      const { identity, changes, events, hasOtherRoles } = await findPerson(ctx, provider.config, {
        person,
        roles: await this.#rolesOf(provider, person),
      });
      const by = { provider: sessionAt(provider, person) };
      const started = await newSignIn(ctx, { identity, by, sourceIp });
      try {
        await ctx.store.commit({
          changes: [...changes, ...started.changes],
          events: [...events, ...started.events],
        });
      } catch (error) {
        if (!(error instanceof StoreConflict)) throw error;
        throw new SallyportError('conflict', 'somebody else changed this person at the same moment', {
          next: 'sign in again',
        });
      }
      if (hasOtherRoles) await reviewSessions(ctx);
      return letIn(ctx, identity, started);
    });
  }

  /** For who signed in by a provider: it has to ask again who he is, for exactly this command. */
  async beginCode(caller: Operator, code: string): Promise<Left> {
    const provider = this.#requireOfCaller(caller);
    const content = this.#codes.contentOf(caller, code);
    const round = this.#round(true);
    const { name } = provider.config;
    const identity = caller.identity.id;
    const asked = { purpose: 'provider_code', provider: name, round, identity, content } as const;
    return { secret: this.#rounds.make(asked, caller.sourceIp), url: (await provider.begin(round)).href };
  }

  async finishCode(
    caller: Operator,
    { code, secret, returned }: Returning & { readonly code: string },
  ): Promise<{ readonly done: true }> {
    return await this.#guarded(caller.sourceIp, async () => {
      const asked = this.#rounds.take(secret, 'provider_code');
      if (asked?.identity !== caller.identity.id) throw new ProviderRefused('nobody here left for it');
      const provider = this.#find(asked.provider);
      const person = await provider.finish(asked.round, returned);
      const known = caller.identity.provider;
      if (known?.issuer !== provider.config.issuer || known.subject !== person.subject) {
        throw new ProviderRefused('somebody else came back from it');
      }
      await this.#codes.confirmByProvider(caller, {
        code,
        content: asked.content,
        provider: sessionAt(provider, person),
      });
      return { done: true };
    });
  }

  /** OpenID Connect Back-Channel Logout 1.0. */
  async logout(name: string, token: string, sourceIp: string): Promise<{ readonly done: true }> {
    const ctx = this.#ctx;
    return await this.#guarded(sourceIp, async () => {
      const { config } = this.#providers.get(name) ?? {};
      if (config === undefined) throw new ProviderRefused('there is no such provider');
      const logout = await readLogout(ctx, token, { config, keys: this.#keys });
      await endAtProvider(ctx, { config, ...logout });
      return { done: true };
    });
  }

  /** Whoever is in none of the groups any more has nothing here any more. */
  async #rolesOf({ config }: Provider, person: Person): Promise<readonly Role[]> {
    const roles = rolesOf(config, person.groups);
    if (roles !== undefined) return roles;
    await endAtProvider(this.#ctx, { config, subject: person.subject, isOut: true });
    throw new ProviderRefused(
      `"${printable(person.subject, 64)}" is in none of the groups that come in here`,
    );
  }

  /** As people read it; undefined where none let this browser in, or the file names it no more. */
  titleFor(caller: Operator): string | undefined {
    return this.#ofCaller(caller)?.config.title;
  }

  #ofCaller({ signIn }: Operator): Provider | undefined {
    const issuer = signIn?.provider?.issuer;
    return [...this.#providers.values()].find(({ config }) => config.issuer === issuer);
  }

  #requireOfCaller(caller: Operator): Provider {
    const provider = this.#ofCaller(caller);
    if (provider !== undefined) return provider;
    throw new SallyportError('invalid', 'this browser was not let in by a provider', {
      next: 'let the command in with your passkey',
    });
  }

  #find(name: string): Provider {
    const provider = this.#providers.get(name);
    if (provider !== undefined) return provider;
    throw new SallyportError('not_found', `there is no provider "${printable(name, 40)}"`, {
      next: 'providers.yaml of the broker names them: docs/providers.md',
    });
  }

  #round(isFresh: boolean): Round {
    const secret = (): string => Buffer.from(this.#ctx.random.bytes(32)).toString('base64url');
    const { origin } = requireConsole(this.#ctx);
    return {
      state: secret(),
      nonce: secret(),
      verifier: secret(),
      redirectUri: `${origin}/provider`,
      isFresh,
    };
  }

  async #guarded<T>(sourceIp: string, work: () => Promise<T>): Promise<T> {
    this.#attempts.requireLeft(sourceIp);
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ProviderRefused)) throw error;
      const why = printable(error.message, 300);
      await this.#attempts.refuse(
        { type: 'auth.failed', code: 'provider', body: { door: 'provider', why } },
        sourceIp,
      );
      throw new SallyportError('unauthenticated', 'you were not let in by this provider', {
        next: 'begin again; if that does not help, an administrator finds the reason in the log',
      });
    }
  }
}

function sessionAt({ config: { issuer } }: Provider, { sid }: Person) {
  return { issuer, ...(sid === undefined ? {} : { sid }) };
}
