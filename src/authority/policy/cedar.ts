// The one door to the Cedar library (@cedar-policy/cedar-wasm, /nodejs: the bare import is an experimental
// wasm module). Turns its answers into plain values with UTF-16 offsets; knows nothing of Sallyport's rules.
// The library keeps pre-parsed sets for ever under the id they were given: callers reuse ids.

import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type {
  Context,
  DetailedError,
  EntityJson,
  PolicyJson,
  TypeAndId,
} from '@cedar-policy/cedar-wasm/nodejs';
import { houseSchemaText, schemaText } from './schema.ts';

export type { Context, EntityJson, PolicyJson, TypeAndId };

/** Something Cedar objects to. Offsets are UTF-16 positions in the text that was given. */
export interface Fault {
  readonly message: string;
  readonly help?: string;
  readonly policy?: string;
  readonly start?: number;
}

export interface Piece {
  readonly text: string;
  readonly start: number;
}

export type Split =
  | { readonly ok: true; readonly pieces: readonly Piece[]; readonly templates: number }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** Splits a text into its single policies, in the order in which they stand. */
export function splitPolicies(text: string): Split {
  const answer = cedar.policySetTextToParts(text);
  if (answer.type === 'failure')
    return { ok: false, faults: answer.errors.map((error) => fault(error, text)) };
  const templates = answer.policy_templates.length;
  if (templates > 0) return { ok: true, pieces: [], templates };
  // Cedar names the policies policy0, policy1, … and hands them out sorted by that name, so policy10 comes
  // before policy2. Sorting the same names the same way tells which is which.
  const names = answer.policies.map((_, index) => `policy${index}`).sort();
  const ordered: string[] = [];
  for (const [at, name] of names.entries()) {
    ordered[Number(name.slice('policy'.length))] = answer.policies[at] ?? '';
  }
  const pieces: Piece[] = [];
  let cursor = 0;
  for (const piece of ordered) {
    cursor = skipTrivia(text, cursor);
    // The proof that the order above is right: policies and trivia together are the whole text.
    if (!text.startsWith(piece, cursor))
      throw new Error('the Cedar library split a policy text out of order');
    pieces.push({ text: piece, start: cursor });
    cursor += piece.length;
  }
  return { ok: true, pieces, templates };
}

/** Past white space and // comments, the only things that Cedar allows between two policies. */
function skipTrivia(text: string, from: number): number {
  const trivia = /(?:\s|\/\/[^\r\n]*)*/y;
  trivia.lastIndex = from;
  trivia.exec(text);
  return trivia.lastIndex;
}

/**
 * The syntax tree of one policy, for looking at and not for evaluating: integers beyond 2^53 are rounded in
 * it. The text has been parsed before, so a failure is ours and throws.
 */
export function policyTree(text: string): PolicyJson {
  const answer = cedar.policyToJson(text);
  if (answer.type === 'failure')
    throw new Error(`a parsed policy did not parse again: ${wordsOf(answer.errors)}`);
  return answer.json;
}

/** Of sessions on targets, or of the broker itself. */
export type SchemaName = 'target' | 'house';

const schemas: Readonly<Record<SchemaName, string>> = { target: schemaText, house: houseSchemaText };

export interface Validation {
  readonly errors: readonly Fault[];
  readonly warnings: readonly Fault[];
}

/** Checks policies (id -> text) against the schema, strictly. */
export function validatePolicies(
  policies: Readonly<Record<string, string>>,
  schema: SchemaName = 'target',
): Validation {
  const answer = cedar.validate({ schema: schemas[schema], policies: { staticPolicies: policies } });
  if (answer.type === 'failure')
    return { errors: answer.errors.map((error) => fault(error, '')), warnings: [] };
  const located = (found: { policyId: string; error: DetailedError }): Fault => ({
    ...fault(found.error, policies[found.policyId] ?? ''),
    policy: found.policyId,
  });
  return {
    errors: answer.validationErrors.map(located),
    warnings: answer.validationWarnings.map(located),
  };
}

const loadedSchemas = new Set<SchemaName>();

/** Keeps a parsed policy set (id -> text) under a set id, in place of what was there. Throws on a bad set. */
export function keepSet(setId: string, policies: Readonly<Record<string, string>>): void {
  const answer = cedar.preparsePolicySet(setId, { staticPolicies: policies });
  if (answer.type === 'failure') throw new Error(`policies do not load: ${wordsOf(answer.errors)}`);
}

export interface CedarRequest {
  readonly principal: TypeAndId;
  readonly action: TypeAndId;
  readonly resource: TypeAndId;
  readonly context: Context;
  readonly entities: EntityJson[];
}

export type Evaluation =
  | {
      readonly ok: true;
      readonly permits: boolean;
      /** The policies that determined the answer. */
      readonly reasons: readonly string[];
      readonly errors: readonly { readonly policy: string; readonly message: string }[];
    }
  | { readonly ok: false; readonly message: string };

/** Evaluates a kept set. A request that does not fit the schema is `ok: false`, never an answer. */
export function evaluateSet(setId: string, request: CedarRequest, schema: SchemaName = 'target'): Evaluation {
  loadSchema(schema);
  return evaluation(
    cedar.statefulIsAuthorized({
      ...request,
      preparsedPolicySetId: setId,
      preparsedSchemaName: schema,
      validateRequest: true,
    }),
  );
}

function loadSchema(name: SchemaName): void {
  if (loadedSchemas.has(name)) return;
  const answer = cedar.preparseSchema(name, schemas[name]);
  if (answer.type === 'failure')
    throw new Error(`the policy schema does not parse: ${wordsOf(answer.errors)}`);
  loadedSchemas.add(name);
}

/** Evaluates policies (id -> text) once, without keeping them: slow, for explanations. */
export function evaluateOnce(
  policies: Readonly<Record<string, string>>,
  request: CedarRequest,
  schema: SchemaName = 'target',
): Evaluation {
  return evaluation(
    cedar.isAuthorized({
      ...request,
      policies: { staticPolicies: policies },
      schema: schemas[schema],
      validateRequest: true,
    }),
  );
}

/** An evaluator that throws has not said yes: the failure becomes a refusal with its words kept. */
export function guarded(run: () => Evaluation): Evaluation {
  try {
    return run();
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

function evaluation(answer: cedar.AuthorizationAnswer): Evaluation {
  if (answer.type === 'failure') return { ok: false, message: wordsOf(answer.errors) };
  const { decision, diagnostics } = answer.response;
  return {
    ok: true,
    permits: decision === 'allow',
    reasons: diagnostics.reason,
    errors: diagnostics.errors.map(({ policyId, error }) => ({ policy: policyId, message: error.message })),
  };
}

function wordsOf(errors: readonly DetailedError[]): string {
  return errors.map((error) => error.message).join('; ');
}

function fault(error: DetailedError, text: string): Fault {
  const location = error.sourceLocations?.[0];
  const label = location?.label ?? null;
  const help = error.help ?? label;
  return {
    message: error.message,
    ...(help === null ? {} : { help }),
    ...(location === undefined ? {} : { start: utf16Offset(text, location.start) }),
  };
}

/** Cedar counts UTF-8 bytes, JavaScript UTF-16 units. */
function utf16Offset(text: string, byteOffset: number): number {
  return new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, byteOffset)).length;
}
