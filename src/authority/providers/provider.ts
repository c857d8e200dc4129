// One OpenID Connect provider as a client of it (authorization code with PKCE and nonce; Core 1.0, RFC 7636, RFC 9207
// where it has that). It is asked who it is when it is first needed, and anew when that is old or failed; while it is
// away nobody new comes in by it, and everything else goes on.

import type { Configuration, CustomFetch, IDToken } from 'openid-client';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { Clock } from '../../platform/clock.ts';
import { askHttps } from '../https-answer.ts';
import type { ProviderConfig } from './config.ts';

/** Loaded where somebody signs in by a provider: it would be a part of every start. */
const library = async () => await import('openid-client');

/** What has to come back as it went. */
export interface Round {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  /** Where the provider sends the browser back to. */
  readonly redirectUri: string;
  /** The provider has to ask again who it is, however lately it did. */
  readonly isFresh: boolean;
}

/** What a browser brought back in its address (RFC 6749, section 4.1.2). */
export type Returned = Readonly<Record<string, string>>;

export interface Person {
  readonly subject: string;
  readonly sid?: string;
  readonly name: unknown;
  /** Empty where the provider says none, or no list. */
  readonly groups: readonly string[];
}

/** It was reached, and what it or the browser said does not hold. The message is for the log. */
export class ProviderRefused extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ProviderRefused';
  }
}

export class Provider {
  readonly config: ProviderConfig;
  readonly #clock: Clock;
  readonly #fetch: CustomFetch;
  #known: { readonly found: Promise<Configuration>; readonly askedAt: number } | undefined;

  constructor(config: ProviderConfig, { clock, ca }: { readonly clock: Clock; readonly ca?: string }) {
    this.config = config;
    this.#clock = clock;
    this.#fetch = async (url, { method, headers, body }) => {
      const sent = body instanceof URLSearchParams ? body.toString() : body;
      if (sent !== undefined && sent !== null && typeof sent !== 'string')
        throw new TypeError('only texts are sent to a provider');
      const answer = await askHttps(new URL(url), {
        method,
        headers,
        ...(sent === undefined || sent === null ? {} : { body: sent }),
        ca,
      });
      const type = answer.headers['content-type'];
      return new Response(new Uint8Array(answer.body), {
        status: answer.status,
        headers: type === undefined ? {} : { 'content-type': type },
      });
    };
  }

  /** Where the browser goes. Throws `unavailable` while the provider cannot be asked. */
  async begin(round: Round): Promise<URL> {
    const { buildAuthorizationUrl, calculatePKCECodeChallenge } = await library();
    const client = await this.#client();
    return buildAuthorizationUrl(client, {
      redirect_uri: round.redirectUri,
      scope: ['openid', ...this.config.scopes].join(' '),
      state: round.state,
      nonce: round.nonce,
      code_challenge: await calculatePKCECodeChallenge(round.verifier),
      code_challenge_method: 'S256',
      ...(round.isFresh ? { prompt: 'login', max_age: '0' } : {}),
    });
  }

  /** Throws ProviderRefused, or `unavailable`. */
  async finish(round: Round, returned: Returned): Promise<Person> {
    const { authorizationCodeGrant } = await library();
    const client = await this.#client();
    const url = new URL(round.redirectUri);
    url.search = new URLSearchParams(returned).toString();
    try {
      const tokens = await authorizationCodeGrant(client, url, {
        pkceCodeVerifier: round.verifier,
        expectedState: round.state,
        expectedNonce: round.nonce,
        idTokenExpected: true,
        ...(round.isFresh ? { maxAge: limits.providerFreshMs / 1_000 } : {}),
      });
      const claims = tokens.claims();
      if (claims === undefined) throw new ProviderRefused('it gave no ID token');
      return await this.#person(client, claims, tokens.access_token);
    } catch (error) {
      if (isAway(error)) throw this.#away(error);
      if (error instanceof ProviderRefused || !(error instanceof Error)) throw error;
      throw new ProviderRefused(wordsOf(error), { cause: error });
    }
  }

  async #person(client: Configuration, claims: IDToken, accessToken: string): Promise<Person> {
    const { fetchUserInfo } = await library();
    const { nameClaim, groupsClaim } = this.config;
    // Many providers keep groups, and names, out of the ID token.
    const isWhole = Object.hasOwn(claims, nameClaim) && Object.hasOwn(claims, groupsClaim);
    const more = isWhole ? {} : await fetchUserInfo(client, accessToken, claims.sub);
    const all: Readonly<Record<string, unknown>> = { ...more, ...claims };
    const groups = all[groupsClaim];
    const { sid } = all;
    return {
      subject: claims.sub,
      ...(typeof sid === 'string' ? { sid } : {}),
      name: all[nameClaim],
      groups: Array.isArray(groups)
        ? groups.filter((group): group is string => typeof group === 'string')
        : [],
    };
  }

  async #client(): Promise<Configuration> {
    const now = this.#clock.bootMs();
    if (this.#known === undefined || now - this.#known.askedAt > limits.providerKnownMs) {
      const known = { found: this.#discover(), askedAt: now };
      this.#known = known;
      // What failed is asked again by the next one.
      known.found.catch(() => {
        if (this.#known === known) this.#known = undefined;
      });
    }
    try {
      return await this.#known.found;
    } catch (error) {
      throw this.#away(error);
    }
  }

  async #discover(): Promise<Configuration> {
    const { ClientSecretBasic, customFetch, discovery, enableNonRepudiationChecks, None } = await library();
    const { issuer, clientId, clientSecret } = this.config;
    const auth = clientSecret === undefined ? None() : ClientSecretBasic(clientSecret);
    const client = await discovery(new URL(issuer), clientId, undefined, auth, {
      [customFetch]: this.#fetch,
      timeout: limits.providerTimeoutMs / 1_000,
    });
    // The signature of an ID token is looked at too, not only the connection that it came over.
    enableNonRepudiationChecks(client);
    return client;
  }

  #away(cause: unknown): SallyportError {
    return new SallyportError('unavailable', `"${this.config.title}" cannot be asked at the moment`, {
      next: 'try again, or sign in with a passkey; what is open goes on as policy says',
      cause,
    });
  }
}

/** Nothing was learned: the network, a certificate, a time-out, a server that fails. */
function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { status } = error as { readonly status?: unknown };
  if (typeof status === 'number' && status >= 500) return true;
  const code = (error as { readonly code?: unknown }).code;
  const isNetwork =
    typeof code === 'string' && /^(?:E[A-Z]+|ERR_TLS_.*|CERT_.*|UNABLE_.*|DEPTH_.*|SELF_.*)$/.test(code);
  return isNetwork || error.name === 'TimeoutError' || error.name === 'AbortError' || isAway(error.cause);
}

function wordsOf(error: Error): string {
  const { error: code, error_description: told } = error as {
    readonly error?: unknown;
    readonly error_description?: unknown;
  };
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  if (typeof code !== 'string') return `${error.message}${cause}`;
  return typeof told === 'string' ? `${code}: ${told}` : code;
}
