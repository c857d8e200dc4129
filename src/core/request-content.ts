// What an approver is shown, read from the very text that he signs the hash of (core/request.ts, `content`), and from
// nothing beside it: one reader for the terminal and the console.

import { parseJsonObject } from './json.ts';

export interface RequestContent {
  readonly request: string;
  readonly requester: string;
  /** human, machine, ai_agent. */
  readonly kind: string;
  readonly target: string;
  readonly actions: readonly string[];
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
  const { actions, ticket } = content;
  return {
    request: shown(content['request']),
    requester: shown(requester['name']),
    kind: shown(requester['kind']),
    target: shown(content['target']),
    actions: Array.isArray(actions) ? actions.map(String) : [],
    forMs: Number(content['forMs']),
    startAt: Number(content['startAt']),
    reason: shown(content['reason']),
    ...(ticket === undefined ? {} : { ticket: shown(ticket) }),
  };
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? '');
}
