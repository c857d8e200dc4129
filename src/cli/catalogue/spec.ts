// What a command is, as data: help, parsing, completion and the README test all read the same rows.

/** What completion offers in the place of a value. */
export type Completes =
  | 'target'
  | 'device'
  | 'session'
  | 'request'
  | 'identity'
  | 'lock'
  | 'file'
  | readonly string[];

export interface ArgumentSpec {
  /** As it stands in the usage line, lower case: the option's name for `run` too. */
  readonly name: string;
  readonly optional?: boolean;
  /** Takes all that is left; `run` gets a list. */
  readonly many?: boolean;
  readonly completes?: Completes;
}

export interface FlagSpec {
  /** Without dashes: "for". `run` gets it in camel case. */
  readonly name: string;
  readonly short?: string;
  /** Placeholder of its value; absent = a switch. */
  readonly value?: string;
  /** May be given several times; `run` gets a list. */
  readonly many?: boolean;
  readonly required?: boolean;
  readonly summary: string;
  readonly completes?: Completes;
}

export interface CommandModule {
  /** The options are what the spec's arguments and flags parse to; `never` since each command types its own. */
  readonly run: (options: never) => Promise<number>;
}

export interface CommandSpec {
  /** The words typed: "sessions ls". */
  readonly path: string;
  readonly summary: string;
  readonly args?: readonly ArgumentSpec[];
  /** Words after "--", given to `run` as `command`. */
  readonly rest?: string;
  readonly flags?: readonly FlagSpec[];
  readonly examples: readonly string[];
  /** What a person would not guess, one thing a line. */
  readonly notes?: readonly string[];
  /** exec and shell: what would be exit status 1 is 255, as with ssh. */
  readonly isTransport?: boolean;
  /** Started by other commands, not by people: neither help nor completion shows it. */
  readonly isHidden?: boolean;
  readonly load: () => Promise<CommandModule>;
}

/** Every command takes these. */
export const commonFlags: readonly FlagSpec[] = [
  { name: 'broker', value: 'ADDRESS', summary: 'the broker to speak to (or SALLYPORT_BROKER)' },
  { name: 'json', summary: 'machine-readable output; errors as problem objects' },
  { name: 'no-color', summary: 'plain text (or NO_COLOR)' },
  { name: 'help', short: 'h', summary: 'show this' },
];

export interface CommonOptions {
  readonly broker?: string;
  readonly json?: boolean;
}
