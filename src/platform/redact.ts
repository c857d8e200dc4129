// Makes any value fit for a log line: plain, bounded, and without members whose name says "secret".
// It errs towards hiding: a public value that is wanted in the log goes by a name such as `kid`, `spki`.

const secretWords: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'cookies',
  'credential',
  'credentials',
  'invite',
  'invites',
  'key',
  'keys',
  'pass',
  'passes',
  'passphrase',
  'password',
  'passwd',
  'secret',
  'secrets',
  'token',
  'tokens',
]);
const publicNames: ReadonlySet<string> = new Set(['credentialId', 'keyId', 'publicKey']);

const depthMax = 4;
const membersMax = 64;
/** Values in one line, over all depths: an object that refers to itself must not fan out. */
const valuesMax = 500;
const textMaxLength = 4_096;

export const hidden = '[hidden]';

/** "inviteToken", "INVITE_TOKEN" and "invite-token" are all two words, one of them a secret's. */
export function looksSecret(name: string): boolean {
  if (publicNames.has(name)) return false;
  const words = name.replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2').split(/[^A-Za-z0-9]+/);
  return words.some((word) => secretWords.has(word.toLowerCase()));
}

export function redact(fields: object): Record<string, unknown> {
  return membersOf(fields, { depth: 0, budget: { left: valuesMax } });
}

interface Place {
  readonly depth: number;
  /** Shared by the whole walk. */
  readonly budget: { left: number };
}

function below(place: Place): Place {
  return { depth: place.depth + 1, budget: place.budget };
}

function plain(value: unknown, place: Place): unknown {
  if (place.budget.left-- <= 0) return '[more]';
  switch (typeof value) {
    case 'string':
      return value.length <= textMaxLength ? value : `${value.slice(0, textMaxLength)}…`;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
    case 'undefined':
      return value;
    case 'bigint':
    case 'symbol':
      return String(value);
    case 'object':
      return value === null ? null : plainObject(value, place);
    default:
      return '[function]';
  }
}

function plainObject(value: object, place: Place): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (place.depth >= depthMax) return '[deeper]';
  if (value instanceof Error) {
    const { name, message, stack, cause } = value;
    const rest = membersOf(value, place);
    return {
      ...rest,
      name,
      message,
      stack,
      ...(cause === undefined ? {} : { cause: plain(cause, below(place)) }),
    };
  }
  if (Array.isArray(value)) return value.slice(0, membersMax).map((item) => plain(item, below(place)));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return membersOf(value, place);
  // Sockets, streams, KeyObjects: their insides are no business of a log.
  return `[${value.constructor.name}]`;
}

function membersOf(value: object, place: Place): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  for (const name of Object.keys(value).slice(0, membersMax)) {
    members[name] = looksSecret(name)
      ? hidden
      : plain((value as Record<string, unknown>)[name], below(place));
  }
  return members;
}
