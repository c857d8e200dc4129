// The keys of identity providers, by OpenID Connect Discovery 1.0: asked for when they are needed, kept for a while,
// and asked for again when a key is not among them, at most once in a cooldown, however many unknown keys are shown
// (negative test I13).

import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { limits } from '../../core/limits.ts';
import type { Clock } from '../../platform/clock.ts';
import { getJson, type GetOptions } from './get-json.ts';

interface Kept {
  readonly find: JWTVerifyGetKey;
  /** Boot clock, ms. */
  readonly askedAt: number;
}

export class IssuerKeys {
  readonly #clock: Clock;
  readonly #options: GetOptions;
  readonly #kept = new Map<string, Promise<Kept>>();
  #asked = 0;

  constructor(clock: Clock, options: GetOptions = {}) {
    this.#clock = clock;
    this.#options = options;
  }

  /** How often a provider was asked: for tests. */
  get asked(): number {
    return this.#asked;
  }

  /** Of an issuer that an administrator configured: no other is ever asked. */
  finder(issuer: string): JWTVerifyGetKey {
    return async (header, token) => {
      const kept = await this.#keysOf(issuer);
      try {
        return await kept.find(header, token);
      } catch (error) {
        const ageMs = this.#clock.bootMs() - kept.askedAt;
        if (!isUnknownKey(error) || ageMs < limits.providerKeysCooldownMs) throw error;
        return await (await this.#ask(issuer)).find(header, token);
      }
    };
  }

  async #keysOf(issuer: string): Promise<Kept> {
    const kept = await this.#kept.get(issuer)?.catch(() => undefined);
    const isFresh = kept !== undefined && this.#clock.bootMs() - kept.askedAt < limits.providerKeysKeptMs;
    return isFresh ? kept : await this.#ask(issuer);
  }

  /** Those who ask at once ask once. */
  #ask(issuer: string): Promise<Kept> {
    const under = this.#kept.get(issuer);
    const asking = (async (): Promise<Kept> => {
      const before = await under?.catch(() => undefined);
      if (before !== undefined && this.#clock.bootMs() - before.askedAt < limits.providerKeysCooldownMs) {
        return before;
      }
      const askedAt = this.#clock.bootMs();
      this.#asked += 1;
      return { find: createLocalJWKSet(await this.#fetchKeys(issuer)), askedAt };
    })();
    this.#kept.set(issuer, asking);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= limits.providersMax) break;
      this.#kept.delete(oldest);
    }
    return asking;
  }

  async #fetchKeys(issuer: string): Promise<JSONWebKeySet> {
    const base = issuer.endsWith('/') ? issuer : `${issuer}/`;
    const found = await getJson(new URL('.well-known/openid-configuration', base), this.#options);
    if (found['issuer'] !== issuer) throw new Error(`"${issuer}" calls itself something else`);
    const place = found['jwks_uri'];
    if (typeof place !== 'string') throw new Error(`"${issuer}" does not say where its keys are`);
    return (await getJson(new URL(place), this.#options)) as unknown as JSONWebKeySet;
  }
}

function isUnknownKey(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_JWKS_NO_MATCHING_KEY';
}
