// The broker's configuration file, broker.yaml, as a value. Unknown and misspelt keys are refused: a
// setting that silently does nothing is worse than a broker that does not start (negative test L20).

import { isName } from './device.ts';
import { parseDuration } from './duration.ts';
import { limits } from './limits.ts';

export interface BrokerConfig {
  /** The host name or address that devices and people are told; also in the api certificate. */
  readonly name: string;
  /** Where the one public port listens. */
  readonly listen: { readonly host: string; readonly port: number };
  /** host:port for invites. */
  readonly address: string;
  /** host:port of where it may be found too, now or later: devices learn them and try them in turn. */
  readonly also: readonly string[];
  readonly trustDomain: string;
  readonly env: string;
  /** Absent: there is no console, and passkeys do not work. */
  readonly console?: ConsoleConfig;
  /** False: one administrator alone changes policies, lifts locks and makes approvers. */
  readonly fourEyes: boolean;
  /** How long a person's sign-in of a command goes on, where he can sign in again by himself. */
  readonly signInMs: number;
  /** How long a stopping broker lets live sessions finish, before it ends them. */
  readonly drainMs: number;
}

export interface ConsoleConfig {
  /** DNS name, and the port as browsers reach it. */
  readonly host: string;
  readonly port: number;
  /** Files with a certificate that browsers trust, and its key; absent: the console's own root signs one. */
  readonly files?: { readonly certificate: string; readonly key: string };
  /** An authority that browsers trust is asked for one (RFC 8555). */
  readonly acme?: AcmeConfig;
}

export interface AcmeConfig {
  /** URL of its directory. */
  readonly directory: string;
  /** Mail address that it may write to. */
  readonly contact?: string;
  /** A command that sets and clears a DNS record: DNS-01. Absent: TLS-ALPN-01 on the one port. */
  readonly hook?: string;
  /** PEM of the authority behind the directory's own certificate. */
  readonly caFile?: string;
}

const knownDirectories: Readonly<Record<string, string>> = {
  letsencrypt: 'https://acme-v02.api.letsencrypt.org/directory',
  'letsencrypt-staging': 'https://acme-staging-v02.api.letsencrypt.org/directory',
};

/** As browsers write it. */
export function consoleOrigin({ host, port }: Pick<ConsoleConfig, 'host' | 'port'>): string {
  return `https://${host}${port === 443 ? '' : `:${port}`}`;
}

/** Where an invite becomes a passkey. The token stands behind the "#": no server on the way sees it. */
export function enrollLink(origin: string, token: string): string {
  return `${origin}/enroll#${token}`;
}

export const defaultListen = '0.0.0.0:7443';

const keys = [
  'name',
  'listen',
  'address',
  'also',
  'trustDomain',
  'env',
  'drain',
  'fourEyes',
  'signInFor',
  'console',
  'consoleCertificate',
  'consoleKey',
  'acme',
  'acmeTerms',
  'acmeContact',
  'acmeHook',
  'acmeCaFile',
] as const;

/** The configuration, or a sentence that says which key is wrong and how it should be. */
export function parseBrokerConfig(value: unknown): BrokerConfig | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'the file must hold "key: value" lines';
  const fields = value as Readonly<Record<string, unknown>>;
  const stray = Object.keys(fields).find((key) => !(keys as readonly string[]).includes(key));
  if (stray !== undefined) return `unknown key "${stray}"; the keys are ${keys.join(', ')}`;
  const wrong = keys.find((key) => fields[key] !== undefined && typeof fields[key] !== 'string');
  if (wrong !== undefined) return `"${wrong}" must be text`;

  const text = fields as Readonly<Partial<Record<(typeof keys)[number], string>>>;
  if (text.name === undefined || !isHost(text.name))
    return '"name" must be the host name or address of the broker, like gate.example.com';
  const listen = parseHostPort(text.listen ?? defaultListen);
  if (listen === undefined) return '"listen" must be HOST:PORT, like 0.0.0.0:7443';
  const address = parseHostPort(text.address ?? `${bracketed(text.name)}:${listen.port}`);
  if (address === undefined) return '"address" must be HOST:PORT, like gate.example.com:7443';
  const also = (text.also ?? '').split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim()]));
  const otherPlaces = also.flatMap((one) => parseHostPort(one) ?? []);
  if (otherPlaces.length < also.length || also.length > limits.brokerAddressesMax)
    return '"also" must be up to 8 HOST:PORT, with commas between, like new.example.com:7443';
  const trustDomain = text.trustDomain ?? defaultTrustDomain(text.name);
  if (!isHost(trustDomain) || trustDomain.includes(':'))
    return '"trustDomain" must be a name in lower case, like example.com';
  const env = text.env ?? 'prod';
  if (!isName(env)) return '"env" must be a name in lower case, like prod';
  const drainMs = parseDuration(text.drain ?? '10s');
  if (drainMs === undefined) return '"drain" must be a duration, like 10s';
  const console = consoleOf(text, address);
  if (typeof console === 'string') return console;
  const { fourEyes = 'on' } = text;
  if (fourEyes !== 'on' && fourEyes !== 'off') return '"fourEyes" must be on or off';
  const signInMs = parseDuration(text.signInFor ?? '16h');
  if (signInMs === undefined || signInMs < limits.signInLeastMs || signInMs > limits.signInLongestMs)
    return '"signInFor" must be a duration from 1h to 30d, like 16h';
  return {
    name: text.name,
    listen,
    address: formatHostPort(address),
    also: otherPlaces.map(formatHostPort),
    trustDomain,
    env,
    ...(console === undefined ? {} : { console }),
    fourEyes: fourEyes === 'on',
    signInMs,
    drainMs,
  };
}

/** By default it is where people reach the broker; browsers know no passkeys of an address (WebAuthn, RP ID). */
function consoleOf(
  text: Readonly<Partial<Record<(typeof keys)[number], string>>>,
  address: { readonly host: string; readonly port: number },
): ConsoleConfig | string | undefined {
  const { console = isAddress(address.host) ? 'off' : formatHostPort(address) } = text;
  const { consoleCertificate: certificate, consoleKey: key } = text;
  if ((certificate === undefined) !== (key === undefined))
    return '"consoleCertificate" and "consoleKey" name two files and go together';
  if (console === 'off') {
    if (text.acme !== undefined) return '"acme" needs a console, and there is none';
    return certificate === undefined ? undefined : '"consoleCertificate" needs a console, and there is none';
  }
  const place = parseHostPort(console.includes(':') ? console : `${console}:${address.port}`);
  if (place === undefined || isAddress(place.host))
    return '"console" must be off, or a DNS name with or without a port, like gate.example.com:7443';
  const acme = acmeOf(text);
  if (typeof acme === 'string') return acme;
  if (acme !== undefined && certificate !== undefined)
    return '"acme" and "consoleCertificate" do not go together: one certificate is shown';
  return {
    ...place,
    ...(certificate === undefined || key === undefined ? {} : { files: { certificate, key } }),
    ...(acme === undefined ? {} : { acme }),
  };
}

function acmeOf(
  text: Readonly<Partial<Record<(typeof keys)[number], string>>>,
): AcmeConfig | string | undefined {
  const { acme, acmeTerms, acmeContact: contact, acmeHook: hook, acmeCaFile: caFile } = text;
  if (acme === undefined) {
    const stray = keys.find((key) => key.startsWith('acme') && text[key] !== undefined);
    return stray === undefined ? undefined : `"${stray}" goes with "acme"`;
  }
  const directory = knownDirectories[acme] ?? acme;
  if (!/^https:\/\/[^\s@]+$/.test(directory) || !URL.canParse(directory))
    return `"acme" must be ${Object.keys(knownDirectories).join(', ')}, or the https URL of a directory`;
  if (acmeTerms !== 'agreed')
    return '"acmeTerms" must be "agreed": read the terms of the authority that "acme" names first';
  if (contact !== undefined && !/^[^\s@<>,;"]+@[^\s@<>,;"]+$/.test(contact))
    return '"acmeContact" must be a mail address';
  return {
    directory,
    ...(contact === undefined ? {} : { contact }),
    ...(hook === undefined ? {} : { hook }),
    ...(caFile === undefined ? {} : { caFile }),
  };
}

function isAddress(host: string): boolean {
  return /^[0-9.]+$/.test(host) || host.includes(':');
}

/** "host:port", "[::1]:port" or ":port" (all addresses). Port 0 = any free one. */
export function parseHostPort(text: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]*)):([0-9]{1,5})$/i.exec(text);
  if (match === null) return undefined;
  const host = match[1] ?? (match[2] === '' ? '0.0.0.0' : (match[2] ?? ''));
  const port = Number(match[3]);
  return port <= 65_535 && isHost(host) ? { host, port } : undefined;
}

export function formatHostPort(address: { readonly host: string; readonly port: number }): string {
  return `${bracketed(address.host)}:${address.port}`;
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function isHost(text: string): boolean {
  return (
    text.length <= 253 &&
    /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|[0-9a-f:]+(?:[0-9.]+)?)$/i.test(text) &&
    text === text.toLowerCase()
  );
}

/** An IP address is no trust domain (SPIFFE-ID section 2.1 allows names only in our reading). */
function defaultTrustDomain(name: string): string {
  return isAddress(name) ? 'sallyport.internal' : name;
}
