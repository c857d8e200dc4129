// What an approver is shown, read from the very text that he signs the hash of (core/request.ts, `content`), and from
// nothing beside it: one reader for the terminal and the console.

import { commandLine } from './command-words.ts';
import { parseJsonObject } from './json.ts';

export interface RequestContent {
  readonly request: string;
  readonly requester: string;
  /** human, machine, ai_agent. */
  readonly kind: string;
  readonly target: string;
  readonly actions: readonly string[];
  /** As lines. Absent: any. */
  readonly commands?: readonly string[];
  readonly paths?: readonly string[];
  readonly forMs: number;
  /** Unix ms. */
  readonly startAt: number;
  readonly reason: string;
  readonly ticket?: string;
}

/** Whatever is missing or of another form is shown as it stands: an approver is to see that something is odd. */
export function readRequestContent(text: string): RequestContent {
  const content = parseJsonObject(text) ?? {};
  const who = content['requester'];
  const requester = typeof who === 'object' && who !== null ? (who as Readonly<Record<string, unknown>>) : {};
  const { actions, commands, paths, ticket } = content;
  return {
    request: shown(content['request']),
    requester: shown(requester['name']),
    kind: shown(requester['kind']),
    target: shown(content['target']),
    actions: list(actions).map(String),
    ...(commands === undefined ? {} : { commands: list(commands).map(lineOf) }),
    ...(paths === undefined ? {} : { paths: list(paths).map(shown) }),
    forMs: Number(content['forMs']),
    startAt: Number(content['startAt']),
    reason: shown(content['reason']),
    ...(ticket === undefined ? {} : { ticket: shown(ticket) }),
  };
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? '');
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : value === undefined ? [] : [value];
}

function lineOf(words: unknown): string {
  const isCommand = Array.isArray(words) && words.every((word) => typeof word === 'string');
  return isCommand ? commandLine(words) : shown(words);
}
