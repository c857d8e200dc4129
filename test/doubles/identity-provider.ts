// An identity provider as CI systems have one: HTTPS with a certificate of its own authority, a discovery document,
// keys, and tokens that it signs. Counts what it is asked.

import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { privatePem } from '../../src/platform/keys.ts';
import { makeLeaf, makePki } from '../contract/pki-fixture.ts';

export interface Provider {
  readonly issuer: string;
  /** PEM of the authority behind its certificate. */
  readonly ca: string;
  /** Paths that it was asked for. */
  readonly asked: string[];
  readonly key: CryptoKey;
  /** What it answers for its keys; redirected where it is a place. */
  keys: { readonly keys: readonly JWK[] } | string;
  token(claims: Readonly<Record<string, unknown>>, changes?: TokenChanges): Promise<string>;
  close(): void;
}

export interface TokenChanges {
  readonly key?: CryptoKey;
  readonly header?: Readonly<Record<string, unknown>>;
  /** Unix s. */
  readonly now?: number;
  readonly lifeS?: number;
  readonly issuer?: string;
  readonly audience?: string;
}

export async function startProvider(audience: string): Promise<Provider> {
  const now = Date.now();
  const pki = await makePki(now);
  const leaf = await makeLeaf(pki.issuing, 'authority', { now });
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  const asked: string[] = [];
  const server = createServer(
    { key: privatePem(leaf.privateKey), cert: leaf.chainPem },
    (request, response) => {
      asked.push(request.url ?? '');
      const json = (value: unknown): unknown =>
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
      if (request.url === '/.well-known/openid-configuration') {
        return json({ issuer, jwks_uri: `${issuer}/keys` });
      }
      if (request.url !== '/keys') return response.writeHead(404).end();
      if (typeof provider.keys === 'string')
        return response.writeHead(302, { location: provider.keys }).end();
      return json(provider.keys);
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider: Provider = {
    issuer,
    ca: pki.root.certificatePem,
    asked,
    key: privateKey,
    keys: { keys: [jwk] },
    async token(claims, changes = {}) {
      const at = changes.now ?? Math.floor(Date.now() / 1_000);
      return await new SignJWT({ ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1', ...changes.header })
        .setIssuer(changes.issuer ?? issuer)
        .setAudience(changes.audience ?? audience)
        .setIssuedAt(at)
        .setExpirationTime(at + (changes.lifeS ?? 300))
        .sign(changes.key ?? privateKey);
    },
    close: () => server.close(),
  };
  return provider;
}
