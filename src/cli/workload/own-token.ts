// The token by which this job shows what it is: from a file, from the environment, asked of the provider that runs
// it, or signed here with a key of the machine's own (RFC 7523).

import { createPrivateKey, createPublicKey, randomUUID, X509Certificate, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { keyKind } from '../../platform/keys.ts';
import { readText } from '../read-text.ts';

export interface TokenSource {
  /** Name of the machine. */
  readonly name: string;
  readonly trustDomain: string;
  /** Thumbprint of the key that the certificate is to be for. */
  readonly spki: string;
  readonly keyFile: string | undefined;
  /** X.509-SVID and intermediates, PEM: `keyFile` is then its key. */
  readonly svidFile: string | undefined;
  readonly tokenFile: string | undefined;
  readonly audience: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const assertionLifeS = 120;
const providerTimeoutMs = 10_000;

/** Throws SallyportError with words. */
export async function ownToken(source: TokenSource): Promise<string> {
  const { keyFile, svidFile, tokenFile, env } = source;
  if (svidFile !== undefined) return await signBySvid(source, svidFile);
  if (keyFile !== undefined) return await signOwn(source, await readKey(keyFile));
  if (tokenFile !== undefined) return (await readText(tokenFile)).trim();
  // As GitLab's `id_tokens` puts it, under a name that the job chooses.
  const given = env['SALLYPORT_ID_TOKEN'];
  if (given !== undefined && given !== '') return given;
  const url = env['ACTIONS_ID_TOKEN_REQUEST_URL'];
  const bearer = env['ACTIONS_ID_TOKEN_REQUEST_TOKEN'];
  if (url !== undefined && bearer !== undefined) return await askGitHub(url, bearer, source);
  throw new SallyportError('invalid', `nothing here proves that this is "${printable(source.name)}"`, {
    next: 'give --key or --token-file; in GitLab set the variable SALLYPORT_ID_TOKEN with id_tokens; in GitHub Actions give the job "permissions: id-token: write"',
  });
}

async function signOwn(source: TokenSource, key: KeyObject): Promise<string> {
  const alg = keyKind(createPublicKey(key)) === 'ed25519' ? 'EdDSA' : 'ES256';
  return await sign(source, key, { alg });
}

/** The chain goes along (RFC 7515, section 4.1.6): the broker knows its bundle. */
async function signBySvid(source: TokenSource, svidFile: string): Promise<string> {
  const { keyFile } = source;
  if (keyFile === undefined) {
    throw new SallyportError('invalid', 'an X.509-SVID goes with its key', { next: 'give --key FILE too' });
  }
  const blocks = (await readText(svidFile)).match(
    /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g,
  );
  const [leaf, ...between] = (blocks ?? []).flatMap((pem) => certificateOf(pem) ?? []);
  const key = privateKeyOf(await readText(keyFile));
  if (leaf === undefined || key === undefined || !leaf.checkPrivateKey(key)) {
    throw new SallyportError(
      'local_file',
      `"${printable(svidFile)}" and "${printable(keyFile)}" are no X.509-SVID and its key`,
      { next: 'give the files that the SPIFFE agent writes, for example svid.pem and svid_key.pem' },
    );
  }
  const { asymmetricKeyType, asymmetricKeyDetails } = key;
  const isP384 = asymmetricKeyDetails?.namedCurve === 'secp384r1';
  const ofCurve = isP384 ? 'ES384' : 'ES256';
  const alg = asymmetricKeyType === 'ed25519' ? 'EdDSA' : asymmetricKeyType === 'rsa' ? 'PS256' : ofCurve;
  const x5c = [leaf, ...between].map(({ raw }) => raw.toString('base64'));
  return await sign(source, key, { alg, x5c });
}

function certificateOf(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function privateKeyOf(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

async function sign(
  { name, trustDomain, spki }: TokenSource,
  key: KeyObject,
  header: { readonly alg: string; readonly x5c?: string[] },
): Promise<string> {
  return await new SignJWT({ cnf: { spki } })
    .setProtectedHeader(header)
    .setIssuer(name)
    .setSubject(name)
    .setAudience(trustDomain)
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime(`${assertionLifeS}s`)
    .sign(key);
}

/** docs.github.com, "OpenID Connect reference": the request URL takes the audience. */
async function askGitHub(
  url: string,
  bearer: string,
  { audience, trustDomain }: TokenSource,
): Promise<string> {
  const asked = new URL(url);
  asked.searchParams.set('audience', audience ?? trustDomain);
  const words = 'GitHub gave this job no token';
  try {
    const signal = AbortSignal.timeout(providerTimeoutMs);
    const answer = await fetch(asked, { signal, headers: { authorization: `bearer ${bearer}` } });
    const { value } = (await answer.json()) as { readonly value?: unknown };
    if (typeof value === 'string') return value;
  } catch (cause) {
    throw new SallyportError('unavailable', words, { next: 'try again', cause });
  }
  throw new SallyportError('unavailable', words, { next: 'give the job "permissions: id-token: write"' });
}

async function readKey(path: string): Promise<KeyObject> {
  const key = privateKeyOf(await readText(path));
  if (key !== undefined && keyKind(createPublicKey(key)) !== undefined) return key;
  throw new SallyportError('local_file', `"${printable(path)}" holds no private key on P-256 or Ed25519`, {
    next: 'give the file whose public half was given to "sallyport identities add --key"',
  });
}
