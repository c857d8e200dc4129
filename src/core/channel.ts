// Channel kinds and the parameters that a pass binds by hash. What policy saw is what the agent runs:
// both sides hash the same canonical text of the same parsed parameters.

import { readHost } from './destination.ts';
import { limits } from './limits.ts';
import type { JsonObject } from './json.ts';
import { normalPath } from './remote-path.ts';

export const channelKinds = ['shell', 'exec', 'files', 'tcp', 'http'] as const;
export type ChannelKind = (typeof channelKinds)[number];

/** The kinds that this version serves. The other names are reserved. */
export const servedKinds = ['shell', 'exec', 'files', 'tcp'] as const;
export type ServedKind = (typeof servedKinds)[number];

export function isServedKind(text: unknown): text is ServedKind {
  return (servedKinds as readonly unknown[]).includes(text);
}

export interface PtyParams {
  readonly term: string;
  readonly cols: number;
  readonly rows: number;
}

export interface ShellParams {
  readonly kind: 'shell';
  /** OS user on the device; absent = the agent's own user. Set by policy, never guessed. */
  readonly user?: string;
  readonly pty: PtyParams;
  /** Allow-listed environment only (negative test S6). */
  readonly env: Readonly<Record<string, string>>;
}

export interface ExecParams {
  readonly kind: 'exec';
  readonly user?: string;
  readonly argv: readonly string[];
  readonly pty?: PtyParams;
  readonly env: Readonly<Record<string, string>>;
}

/** One direction, below these paths only (normal form of remote-path.ts): what policy saw binds the device. */
export interface FilesParams {
  readonly kind: 'files';
  readonly user?: string;
  readonly mode: 'read' | 'write';
  readonly roots: readonly string[];
}

/** One TCP connection from the device to exactly this destination. */
export interface TcpParams {
  readonly kind: 'tcp';
  readonly host: string;
  readonly port: number;
}

export type ChannelParams = ShellParams | ExecParams | FilesParams | TcpParams;

/** The OS user on the device that the parameters name. */
export function userOf(params: ChannelParams): string | undefined {
  return params.kind === 'tcp' ? undefined : params.user;
}

/** Environment variables an operator may bring: locale and terminal, nothing that changes what runs. */
export const allowedEnv: ReadonlySet<string> = new Set([
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'LC_MESSAGES',
  'LC_TIME',
  'TZ',
  'COLORTERM',
]);

const osUserPattern = /^[a-z_][a-z0-9_-]{0,31}$/;
const termPattern = /^[A-Za-z0-9][A-Za-z0-9+._-]{0,63}$/;
const envValuePattern = /^[A-Za-z0-9_.@:/,+-]{0,128}$/;

export function isOsUser(text: string): boolean {
  return osUserPattern.test(text);
}

/** Parses parameters from a peer, once, at the border. A string answer says what is wrong. */
export function parseParams(value: unknown): ChannelParams | string {
  if (!isRecord(value)) return 'parameters must be an object';
  const { kind } = value;
  if (!isServedKind(kind)) return 'unknown channel kind';
  const known = members[kind];
  const stray = Object.keys(value).find((key) => !known.includes(key));
  if (stray !== undefined) return `unknown parameter "${stray.slice(0, 40)}"`;
  switch (kind) {
    case 'tcp':
      return parseTcp(value);
    case 'files':
      return parseFiles(value);
    case 'shell':
    case 'exec':
      return parseCommand(kind, value);
    default:
      return kind satisfies never;
  }
}

const members: Readonly<Record<ServedKind, readonly string[]>> = {
  shell: ['kind', 'user', 'pty', 'env'],
  exec: ['kind', 'user', 'pty', 'env', 'argv'],
  files: ['kind', 'user', 'mode', 'roots'],
  tcp: ['kind', 'host', 'port'],
};

function parseTcp(value: Readonly<Record<string, unknown>>): TcpParams | string {
  const { host, port } = value;
  if (typeof host !== 'string' || !isDestinationHost(host))
    return 'the destination is not a host name or address';
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535)
    return 'the port must be 1 to 65535';
  return { kind: 'tcp', host, port };
}

/** A DNS name, an IPv4 or an IPv6 address, in its one spelling: what policy compares is what is dialled (L9). */
export function isDestinationHost(text: string): boolean {
  return readHost(text).form !== 'refused';
}

function parseFiles(value: Readonly<Record<string, unknown>>): FilesParams | string {
  const { mode, roots, user } = value;
  if (mode !== 'read' && mode !== 'write') return 'the mode must be read or write';
  if (user !== undefined && (typeof user !== 'string' || !isOsUser(user)))
    return 'the OS user is not a valid user name';
  if (!Array.isArray(roots) || roots.length === 0 || roots.length > limits.filesRootsMax) {
    return `a files channel has 1 to ${limits.filesRootsMax} paths`;
  }
  const paths: string[] = [];
  for (const root of roots as readonly unknown[]) {
    if (typeof root !== 'string' || normalPath(root) !== root) return 'a path is not in its normal form';
    paths.push(root);
  }
  return { kind: 'files', mode, roots: paths, ...(user === undefined ? {} : { user }) };
}

function parseCommand(
  kind: 'shell' | 'exec',
  value: Readonly<Record<string, unknown>>,
): ShellParams | ExecParams | string {
  const env = parseEnv(value['env']);
  if (typeof env === 'string') return env;
  const pty = value['pty'] === undefined ? undefined : parsePty(value['pty']);
  if (typeof pty === 'string') return pty;
  const user = value['user'];
  if (user !== undefined && (typeof user !== 'string' || !isOsUser(user)))
    return 'the OS user is not a valid user name';
  const common = { env, ...(user === undefined ? {} : { user }) };
  if (kind === 'shell') {
    return pty === undefined ? 'a shell needs a pty' : { kind: 'shell', pty, ...common };
  }
  const argv = value['argv'];
  if (!Array.isArray(argv) || argv.length === 0 || argv.length > limits.argvMaxCount) {
    return `a command has 1 to ${limits.argvMaxCount} words`;
  }
  const words: string[] = [];
  for (const word of argv as readonly unknown[]) {
    if (typeof word !== 'string' || word.includes('\0') || !word.isWellFormed()) {
      return 'a word of the command is not text without NUL';
    }
    words.push(word);
  }
  if (words[0] === '') return 'the command is empty';
  return { kind: 'exec', argv: words, ...(pty === undefined ? {} : { pty }), ...common };
}

/** The JSON form that is hashed and sent. */
export function paramsToJson(params: ChannelParams): JsonObject {
  return params as unknown as JsonObject;
}

function parseEnv(value: unknown): Readonly<Record<string, string>> | string {
  if (value === undefined) return {};
  if (!isRecord(value)) return 'the environment must be an object';
  const env: Record<string, string> = {};
  for (const [name, text] of Object.entries(value)) {
    if (!allowedEnv.has(name))
      return `the environment variable "${name.slice(0, 40)}" is not on the allow-list`;
    if (typeof text !== 'string' || !envValuePattern.test(text))
      return `the value of "${name}" is not plain text`;
    env[name] = text;
  }
  return env;
}

export function parsePty(value: unknown): PtyParams | string {
  if (!isRecord(value)) return 'the pty must be an object';
  const { term, cols, rows } = value;
  if (typeof term !== 'string' || !termPattern.test(term)) return 'the terminal type is not valid';
  if (!isCells(cols) || !isCells(rows)) return 'the terminal size must be 1 to 10000 cells';
  return { term, cols, rows };
}

export function isCells(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 10_000;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
