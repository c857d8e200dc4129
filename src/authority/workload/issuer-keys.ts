// The keys of identity providers, by OpenID Connect Discovery 1.0: asked for when they are needed, kept for a while,
// and asked for again when a key is not among them. However many unknown keys are shown, and also while a provider
// does not answer, it is asked once in a cooldown (negative test I13).

import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { limits } from '../../core/limits.ts';
import type { Clock } from '../../platform/clock.ts';
import { getJson, type HttpsQuestion } from '../https-answer.ts';

/** Without keys: why there are none. */
interface Kept {
  readonly find: JWTVerifyGetKey;
  readonly hasKeys: boolean;
  /** Boot clock, ms. */
  readonly askedAt: number;
}

export class IssuerKeys {
  readonly #clock: Clock;
  readonly #options: Pick<HttpsQuestion, 'ca'>;
  readonly #kept = new Map<string, Promise<Kept>>();

  constructor(clock: Clock, options: Pick<HttpsQuestion, 'ca'> = {}) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Of an issuer that an administrator configured: no other is ever asked. */
  finder(issuer: string): JWTVerifyGetKey {
    return async (header, token) => {
      const { find } = await this.#keysOf(issuer, limits.providerKeysKeptMs);
      try {
        return await find(header, token);
      } catch (error) {
        if (!isUnknownKey(error)) throw error;
        const newer = await this.#keysOf(issuer, limits.providerKeysCooldownMs);
        return await newer.find(header, token);
      }
    };
  }

  /** Not older than that; those who ask at once ask once. */
  #keysOf(issuer: string, oldestMs: number): Promise<Kept> {
    const before = this.#kept.get(issuer);
    const keys = (async (): Promise<Kept> => {
      const kept = await before;
      const maxAgeMs = kept?.hasKeys === false ? limits.providerKeysCooldownMs : oldestMs;
      const isFresh = kept !== undefined && this.#clock.bootMs() - kept.askedAt < maxAgeMs;
      return isFresh ? kept : await this.#ask(issuer);
    })();
    this.#kept.set(issuer, keys);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= limits.providersMax) break;
      this.#kept.delete(oldest);
    }
    return keys;
  }

  async #ask(issuer: string): Promise<Kept> {
    const askedAt = this.#clock.bootMs();
    try {
      return { find: createLocalJWKSet(await this.#fetchKeys(issuer)), hasKeys: true, askedAt };
    } catch (error) {
      return { find: () => Promise.reject(error), hasKeys: false, askedAt };
    }
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
