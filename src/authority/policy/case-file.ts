// The YAML file of "sallyport policy test": its shape, and reading it. Pure; what is wrong is told with the
// case, the place and, for a misspelt key, the key that was meant. docs/policy.md describes the format.

import { LineCounter, parseDocument, type Document } from 'yaml';
import { z } from 'zod';
import { actions } from '../../core/decision.ts';
import { parseDuration } from '../../core/duration.ts';
import { roles } from '../../core/identity.ts';
import { limits } from '../../core/limits.ts';
import { serviceClasses } from '../../core/service.ts';
import { printable } from '../../core/printable.ts';
import { nearest } from './nearest.ts';
import type { PolicyProblem } from './policy-text.ts';

const text = z.string().min(1).max(limits.reasonMaxLength);
const principalShape = z.strictObject({
  name: text,
  id: text.optional(),
  kind: z.enum(['human', 'machine', 'ai_agent']).default('human'),
  roles: z.array(z.enum(roles)).default([]),
  tenant: text.default('default'),
  owner: text.optional(),
  purpose: text.optional(),
});
const deviceShape = z.strictObject({
  name: text,
  id: text.optional(),
  labels: z.record(z.string(), z.string()).default({}),
  tenant: text.default('default'),
  owner: text.default('idn_nobody'),
  purpose: z.string().default(''),
});
/** A name alone, or what policy may look at besides. */
const serviceShape = z.union([
  text.transform((name) => ({ name, class: 'workload' as const, host: '127.0.0.1', port: 1 })),
  z.strictObject({
    name: text,
    class: z.enum(serviceClasses).default('workload'),
    host: text.default('127.0.0.1'),
    port: z.int().min(1).max(65_535).default(1),
  }),
]);
const contextShape = z.strictObject({
  now: z.iso.datetime({ offset: true }).optional(),
  sourceIp: text.optional(),
  argv: z.array(z.string()).optional(),
  user: text.optional(),
  path: text.optional(),
  host: text.optional(),
  port: z.int().min(1).max(65_535).optional(),
  mfaAge: z
    .string()
    .refine((age) => parseDuration(age) !== undefined, 'write a duration, like "5m"')
    .optional(),
  /** The passkey said yes to exactly this. */
  mfaIsForThis: z.boolean().optional(),
  approvals: z.int().min(0).optional(),
  passkeyApprovals: z.int().min(0).optional(),
  onBehalfOf: text.optional(),
  ticket: text.optional(),
  inWindow: z.boolean().optional(),
});
const caseShape = z.strictObject({
  name: text.optional(),
  principal: principalShape,
  action: z.enum(actions),
  device: deviceShape,
  service: serviceShape.optional(),
  context: contextShape.default({}),
  expect: z.enum(['allow', 'deny']),
  policies: z.array(text).optional(),
});
export type PolicyCase = z.output<typeof caseShape>;

export type ReadCases =
  | { readonly ok: true; readonly cases: readonly PolicyCase[] }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

/** A broken file repeats itself. */
const problemsShown = 100;

/** Reads a file of cases; what is wrong is told with its case, line and column. */
export function readCases(source: string, file: string): ReadCases {
  if (source.length > limits.policyTextMaxBytes) {
    const message = `the file is longer than the ${limits.policyTextMaxBytes} characters allowed`;
    return { ok: false, problems: [{ file, message }] };
  }
  const counter = new LineCounter();
  const document = parseDocument(source, { lineCounter: counter, prettyErrors: false });
  const place = (offset: number): { line: number; column: number } => {
    const { line, col } = counter.linePos(offset);
    return { line, column: col };
  };
  if (document.errors.length > 0) {
    const problems = document.errors.slice(0, problemsShown).map((error) => ({
      file,
      message: printable(error.message, 400),
      ...place(error.pos[0]),
    }));
    return { ok: false, problems };
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    // The YAML library throws on documents that would unfold without bound.
    const message = printable(error instanceof Error ? error.message : String(error), 400);
    return { ok: false, problems: [{ file, message }] };
  }
  if (Array.isArray(value) && value.length > limits.policyTestCasesMax) {
    const message = `the file holds ${value.length} cases, more than the ${limits.policyTestCasesMax} allowed`;
    return { ok: false, problems: [{ file, message }] };
  }
  const parsed = z
    .array(caseShape, 'write a list of cases, each beginning with "- "')
    .min(1)
    .safeParse(value);
  if (parsed.success) return { ok: true, cases: parsed.data };
  const problems = parsed.error.issues.slice(0, problemsShown).map((issue): PolicyProblem => {
    const offset = offsetOf(document, issue.path);
    const where = issue.path.length === 0 ? '' : `${pathWords(issue.path)}: `;
    return {
      file,
      message: printable(`${where}${issueWords(issue)}`, 400),
      ...place(offset),
      ...hintFor(issue),
    };
  });
  return { ok: false, problems };
}

/** [0, "principal", "name"] -> "case 1, principal.name". */
function pathWords(path: readonly PropertyKey[]): string {
  const [index, ...rest] = path;
  const inside = rest.map(String).join('.');
  return `case ${Number(index) + 1}${inside === '' ? '' : `, ${inside}`}`;
}

function issueWords(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `unknown ${issue.keys.map((key) => `"${key}"`).join(', ')}`;
  if (issue.code === 'invalid_type' && issue.input === undefined && issue.message.endsWith('undefined')) {
    return 'this is missing';
  }
  return issue.message.slice(0, 1).toLowerCase() + issue.message.slice(1);
}

const caseKeys = [caseShape, principalShape, deviceShape, contextShape].flatMap((shape) =>
  Object.keys(shape.shape),
);

function hintFor(issue: z.core.$ZodIssue): { readonly help?: string } {
  if (issue.code !== 'unrecognized_keys') return {};
  const near = nearest(issue.keys[0] ?? '', caseKeys);
  return near === undefined ? {} : { help: `did you mean "${near}"?` };
}

/** Where the value at the path stands; for a missing value, where its owner stands. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const node: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    const range = (node as { readonly range?: readonly number[] | null } | undefined)?.range;
    if (range?.[0] !== undefined) return range[0];
  }
  return 0;
}
