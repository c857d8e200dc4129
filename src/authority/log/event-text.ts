// What an event says, made fit for the log without ever failing: a security event that cannot be written
// would stop the act it describes, or worse, let it pass unwritten. So text that is not well-formed is
// repaired, and a body that is too large is cut, the same way each time.

import { createHash } from 'node:crypto';
import type { AuditEvent, EventDraft } from '../../core/event.ts';
import { canonicalJson, type Json, type JsonObject } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import type { EnvelopeFields, Leaf } from '../../wire/audit-leaf.ts';

/** A draft as it will be written: its envelope fields, and the canonical text of its body. */
export interface EventText {
  readonly fields: EnvelopeFields;
  readonly body: string;
}

export function eventText({ body, ...fields }: EventDraft): EventText {
  // repaired() keeps the shape and touches only texts that no JSON can carry.
  return { fields: repaired(fields, 0) as unknown as EnvelopeFields, body: bodyText(body) };
}

/** The event that a leaf holds. An erased body reads as an empty one. */
export function eventOf(leaf: Pick<Leaf, 'envelope' | 'body'>): AuditEvent {
  const { v: _version, bodyHash: _hash, ...event } = JSON.parse(leaf.envelope) as Record<string, unknown>;
  const body: unknown = leaf.body === undefined ? {} : JSON.parse(leaf.body);
  return { ...event, body } as unknown as AuditEvent;
}

/** RFC 8785 text of a body, at most limits.eventBodyMaxBytes of UTF-8. */
export function bodyText(body: JsonObject): string {
  const text = canonicalText(body);
  const bytes = Buffer.byteLength(text);
  if (bytes <= limits.eventBodyMaxBytes) return text;
  return canonicalJson({
    truncated: true,
    bytes,
    sha256: createHash('sha256').update(text).digest('base64url'),
    start: text.slice(0, startMaxLength).toWellFormed(),
  });
}

// Quoted again, a character of canonical text takes at most 3 bytes: a quarter of the bound always fits.
const startMaxLength = limits.eventBodyMaxBytes / 4;
const depthMax = 32;

function canonicalText(body: JsonObject): string {
  try {
    return canonicalJson(body);
  } catch (error) {
    // Not well-formed, not finite, or nested too deep: repaired rather than refused.
    if (error instanceof TypeError || error instanceof RangeError) return canonicalJson(repaired(body, 0));
    throw error;
  }
}

function repaired(value: unknown, depth: number): Json {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value !== 'object') return `[a ${typeof value}]`;
  if (depth >= depthMax) return '[nested too deep]';
  if (Array.isArray(value)) return value.map((item: unknown) => repaired(item, depth + 1));
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .map(([key, member]) => [key.toWellFormed(), repaired(member, depth + 1)] as const);
  return Object.fromEntries(members);
}
