// A real OpenID Connect provider for people (oidc-provider), on TLS with a certificate of its own authority, and
// somebody who signs in there as a browser would: through its login and consent pages.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration } from 'oidc-provider';
import { askHttps } from '../../src/authority/https-answer.ts';
import { privatePem } from '../../src/platform/keys.ts';
import { makeLeaf, makePki } from '../contract/pki-fixture.ts';

export interface Account {
  name: unknown;
  groups: unknown;
}

export interface OpenIdProvider {
  readonly issuer: string;
  /** PEM of the authority behind its certificate. */
  readonly ca: string;
  /** By login, which is the subject too. */
  readonly accounts: Map<string, Account>;
  readonly provider: Provider;
  /** Signs in there and answers what the browser is sent back with. `jar` keeps its cookies between visits. */
  visit(url: string, login: string, jar?: Map<string, string>): Promise<Readonly<Record<string, string>>>;
  /** The logout token that it tells its clients of this person by, or of this one session of his. */
  logoutToken(login: string, sid?: string): Promise<string>;
  /** A token that is signed by it for its client, with these claims. */
  token(login: string, claims: Readonly<Record<string, unknown>>, client?: string): Promise<string>;
  /** As if it had asked that much earlier who it is. */
  ageSession(jar: ReadonlyMap<string, string>, seconds: number): Promise<void>;
  /** While it is away every connection is closed at once. */
  setAway(isAway: boolean): void;
  close(): void;
}

export const clientId = 'sallyport';
/** Another application at the same provider. */
export const otherClientId = 'wiki';
export const clientSecret = 'a secret of the client, long enough';

export async function startOpenIdProvider(
  redirectUri: string,
  more: Partial<Configuration> = {},
): Promise<OpenIdProvider> {
  const now = Date.now();
  const pki = await makePki(now);
  const leaf = await makeLeaf(pki.issuing, 'authority', { now });
  const server = createServer({ key: privatePem(leaf.privateKey), cert: leaf.chainPem });
  let isAway = false;
  server.on('secureConnection', (socket) => {
    if (isAway) socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ca = pki.root.certificatePem;
  const accounts = new Map<string, Account>();
  let told: string | undefined;
  const provider = new Provider(issuer, {
    fetch: (_url, { body } = {}) => {
      told = body instanceof URLSearchParams ? (body.get('logout_token') ?? undefined) : undefined;
      return Promise.resolve(new Response(null, { status: 200 }));
    },
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: [redirectUri],
        backchannel_logout_uri: `${new URL(redirectUri).origin}/v1/providers/example/logout`,
        backchannel_logout_session_required: true,
      },
      {
        client_id: otherClientId,
        client_secret: clientSecret,
        redirect_uris: ['https://other.example.com/back'],
      },
    ],
    claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
    scopes: ['openid', 'profile', 'groups'],
    features: { backchannelLogout: { enabled: true } },
    cookies: { keys: ['one'] },
    findAccount: (_ctx, sub) => {
      const account = accounts.get(sub);
      if (account === undefined) return undefined;
      return {
        accountId: sub,
        claims: () => ({ sub, preferred_username: account.name, groups: account.groups }),
      };
    },
    ...more,
  });
  // It warns on the console of what is for development only: its keys, its pages.
  server.on('request', (request, response) => void provider.callback()(request, response));

  const visit: OpenIdProvider['visit'] = async (start, login, jar = new Map<string, string>()) => {
    let url = new URL(start);
    let form: string | undefined;
    for (let step = 0; step < 20; step += 1) {
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
      const { status, headers, body } = await askHttps(url, {
        ca,
        method: form === undefined ? 'GET' : 'POST',
        headers: {
          cookie,
          ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        },
        ...(form === undefined ? {} : { body: form }),
      });
      for (const line of headers['set-cookie'] ?? []) {
        const [pair = ''] = line.split(';', 1);
        const at = pair.indexOf('=');
        jar.set(pair.slice(0, at), pair.slice(at + 1));
      }
      form = undefined;
      if (headers.location !== undefined) {
        url = new URL(headers.location, url);
        if (url.href.startsWith(redirectUri)) return Object.fromEntries(url.searchParams);
        continue;
      }
      const page = body.toString('utf8');
      assert.equal(status, 200, page);
      const [, prompt] = /name="prompt" value="([a-z]+)"/.exec(page) ?? [];
      const [, action] = /action="([^"]+)"/.exec(page) ?? [];
      assert.ok(prompt !== undefined && action !== undefined, page);
      url = new URL(action, url);
      form = new URLSearchParams({ prompt, login, password: 'any' }).toString();
    }
    throw new Error('the provider goes on for ever');
  };
  return {
    issuer,
    ca,
    accounts,
    provider,
    visit,
    async logoutToken(login, sid) {
      const client = (await provider.Client.find(clientId)) as unknown as {
        backchannelLogoutSessionRequired: boolean;
        backchannelLogout(sub: string, sid: string | undefined): Promise<void>;
      };
      client.backchannelLogoutSessionRequired = sid !== undefined;
      await client.backchannelLogout(login, sid);
      assert.ok(told !== undefined, 'it told of it');
      return told;
    },
    async token(login, claims, of = clientId) {
      const client = await provider.Client.find(of);
      const token = new provider.IdToken({ sub: login }, { client });
      for (const [name, value] of Object.entries(claims)) token.set(name, value);
      return await token.issue({ use: 'idtoken' } as never);
    },
    async ageSession(jar, seconds) {
      const session = await provider.Session.find(jar.get('_session') ?? '');
      assert.ok(session?.loginTs !== undefined);
      session.loginTs -= seconds;
      await session.persist();
    },
    setAway(away) {
      isAway = away;
      if (away) server.closeAllConnections();
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
