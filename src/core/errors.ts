// The closed list of error codes, and the one table from a code to its HTTP status and exit status
// (cli.md conventions; RFC 9457 problem objects carry the code). "Not there" and "not for you to know"
// share the code not_found on purpose.

export interface CodeInfo {
  readonly status: number;
  readonly exit: number;
}

export const exitStatus = {
  done: 0,
  failed: 1,
  usage: 2,
  unreachable: 69,
  waiting: 75,
  denied: 77,
  /** exec and shell: Sallyport itself failed, as with ssh. */
  transport: 255,
} as const;

export const errorCodes = {
  /** The request cannot be understood, or breaks a bound. */
  invalid: { status: 400, exit: 2 },
  /** No, or an unusable, client certificate where one is needed. */
  unauthenticated: { status: 401, exit: 77 },
  /** A certificate of the wrong kind for this route. */
  wrong_kind: { status: 403, exit: 77 },
  /** The caller lacks the role. */
  forbidden: { status: 403, exit: 77 },
  /** Policy said no, about a target that the caller may know. */
  denied: { status: 403, exit: 77 },
  /** Policy would say yes once other people had approved it. */
  approval_required: { status: 403, exit: 77 },
  /** Policy would say yes once the caller's own passkey had said yes to it. */
  mfa_required: { status: 403, exit: 77 },
  /** Policy would say yes with a code of the caller's authenticator app. */
  totp_required: { status: 403, exit: 77 },
  /** The owner of the device said no, whatever the broker's policy says. */
  owner_refused: { status: 403, exit: 77 },
  /** A lock stands. */
  locked: { status: 403, exit: 77 },
  /** Missing, or not for this caller to know. */
  not_found: { status: 404, exit: 69 },
  /** The device is held until a person accepts it. */
  not_accepted: { status: 403, exit: 75 },
  /** The target is known to the caller and has no live link. */
  device_offline: { status: 503, exit: 69 },
  /** It was waited for, and did not come back in that time. */
  still_away: { status: 503, exit: 75 },
  /** Somebody changed the same record first, or the name is taken. */
  conflict: { status: 409, exit: 1 },
  /** Done as soon as a second administrator agrees. */
  second_needed: { status: 409, exit: 75 },
  /** A token: unknown, used or expired, deliberately one code. */
  token_refused: { status: 403, exit: 77 },
  /** The connection was for another name. */
  misdirected: { status: 421, exit: 1 },
  rate_limited: { status: 429, exit: 1 },
  too_large: { status: 413, exit: 2 },
  /** Policy text that does not parse, type-check, or asks for what this version cannot enforce. */
  policy_invalid: { status: 422, exit: 1 },
  /** The peer speaks no version that we speak. */
  version_unsupported: { status: 426, exit: 1 },
  /** On the caller's own machine: a file that cannot be read or written, or that others may reach. */
  local_file: { status: 500, exit: 1 },
  /** A live session was ended: by a lock, a deadline, a lost connection. */
  session_ended: { status: 409, exit: 255 },
  /** Our fault. */
  internal: { status: 500, exit: 1 },
  /** The log or store cannot be written: nothing opens. */
  store_unavailable: { status: 503, exit: 1 },
  /** The gate has no live authority, or is draining. */
  unavailable: { status: 503, exit: 69 },

  /** What the agent answers to an open (each fault its own code: negative test L7). */
  pass_malformed: { status: 400, exit: 255 },
  pass_signature: { status: 403, exit: 255 },
  pass_device: { status: 403, exit: 255 },
  pass_kind: { status: 403, exit: 255 },
  pass_params: { status: 403, exit: 255 },
  pass_link: { status: 403, exit: 255 },
  pass_expired: { status: 403, exit: 255 },
  pass_replayed: { status: 403, exit: 255 },
  pass_epoch: { status: 403, exit: 255 },
  open_missing: { status: 403, exit: 255 },
  open_signature: { status: 403, exit: 255 },
  lease_stale: { status: 403, exit: 255 },
  /** What a device answers that looks at approvals itself (design section 6), each fault its own. */
  approval_missing: { status: 403, exit: 255 },
  approval_malformed: { status: 400, exit: 255 },
  approval_scope: { status: 403, exit: 255 },
  approval_expired: { status: 403, exit: 255 },
  approval_signature: { status: 403, exit: 255 },
  approval_quorum: { status: 403, exit: 255 },
  approval_used: { status: 403, exit: 255 },
  approvers_missing: { status: 403, exit: 255 },
  approvers_expired: { status: 403, exit: 255 },
  no_signed_time: { status: 503, exit: 255 },
  kind_unsupported: { status: 404, exit: 255 },
  /** The service on the device could not start: no such user or command, a destination that does not answer. */
  service_failed: { status: 502, exit: 255 },
  /** cp: a file on the device that cannot be read or written, or did not arrive as it was. */
  device_file: { status: 502, exit: 1 },
  /** A forward to where none may go, whatever policy says: core/destination.ts. */
  destination_refused: { status: 403, exit: 77 },
} as const satisfies Record<string, CodeInfo>;

export type ErrorCode = keyof typeof errorCodes;

/** RFC 9457 problem object. `title` says what happened and to which thing; `next` what to do now. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly next?: string;
  readonly instance?: string;
  /** A denial's hints: what would turn it into a yes (design section 5). */
  readonly help?: readonly string[];
}

/** What stops the work, with its code; translated once, at an edge. */
export class SallyportError extends Error {
  readonly code: ErrorCode;
  readonly next: string | undefined;
  readonly help: readonly string[] | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: ErrorOptions & { next?: string; help?: readonly string[] } = {},
  ) {
    super(message, options);
    this.name = 'SallyportError';
    this.code = code;
    this.next = options.next;
    this.help = options.help;
  }
}

export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && Object.hasOwn(errorCodes, text);
}

/** The problem object for an error that reached an edge. A stranger error becomes `internal`, wordless. */
export function toProblem(error: unknown, instance?: string): Problem {
  const known =
    error instanceof SallyportError
      ? error
      : new SallyportError('internal', 'something failed inside the broker');
  return {
    type: `urn:sallyport:error:${known.code}`,
    title: known.message,
    status: errorCodes[known.code].status,
    code: known.code,
    ...(known.next === undefined ? {} : { next: known.next }),
    ...(known.help === undefined ? {} : { help: known.help }),
    ...(instance === undefined ? {} : { instance }),
  };
}

/** Reads a problem object from a peer; undefined when it is not one of ours. */
export function fromProblem(value: unknown): SallyportError | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { code, title, next, help } = value as Record<string, unknown>;
  if (!isErrorCode(code) || typeof title !== 'string') return undefined;
  return new SallyportError(code, title, {
    ...(typeof next === 'string' ? { next } : {}),
    ...(Array.isArray(help) ? { help: help.filter((line): line is string => typeof line === 'string') } : {}),
  });
}
