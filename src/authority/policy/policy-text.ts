// Named policy files -> single policies with ids, positions and syntax trees. Cedar ignores @id and names
// policies by their place, so each policy is cut out by the library's own splitter and given its id here:
// @id("…"), or <file>#<index> counted from 1. Checks nothing beyond syntax, ids and bounds (check.ts does).

import { Buffer } from 'node:buffer';
import { limits } from '../../core/limits.ts';
import { printable } from '../../core/printable.ts';
import { complexityProblem } from './complexity.ts';
import { policyTree, splitPolicies, type Fault, type PolicyJson } from './cedar.ts';

export interface PolicyText {
  readonly id: string;
  readonly file: string;
  readonly effect: 'permit' | 'forbid';
  readonly text: string;
  readonly tree: PolicyJson;
  /** Where it begins in its file, counted from 1, columns in UTF-16 units. */
  readonly line: number;
  readonly column: number;
}

/** What is wrong with a policy file, in words for the person who wrote it. Every text in it is inert. */
export interface PolicyProblem {
  readonly file: string;
  readonly policy?: string;
  readonly message: string;
  readonly line?: number;
  readonly column?: number;
  readonly help?: string;
}

export type ParsedPolicies =
  | { readonly ok: true; readonly policies: readonly PolicyText[] }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

export type PolicyFiles = Readonly<Record<string, string>>;

// Ids become keys of plain objects and are shown to people: a closed alphabet keeps `__proto__`, escapes
// and look-alikes out.
const idPattern = /^[A-Za-z0-9][A-Za-z0-9_.:/#-]{0,127}$/;
const filePattern = /^[A-Za-z0-9][A-Za-z0-9_./-]{0,99}$/;

export function parsePolicies(files: PolicyFiles): ParsedPolicies {
  const problems: PolicyProblem[] = [];
  const policies: PolicyText[] = [];
  const names = Object.keys(files).sort();
  const totalBytes = names.reduce((sum, name) => sum + Buffer.byteLength(files[name] ?? ''), 0);
  if (totalBytes > limits.policyTextMaxBytes) {
    const message = `the policy files hold ${totalBytes} bytes, more than the ${limits.policyTextMaxBytes} allowed`;
    return { ok: false, problems: [{ file: printable(names[0] ?? ''), message }] };
  }
  for (const file of names) {
    const found = parseFile(file, files[file] ?? '');
    if (found.ok) policies.push(...found.policies);
    else problems.push(...found.problems);
  }
  if (policies.length > limits.policiesMax) {
    const message = `the files hold ${policies.length} policies, more than the ${limits.policiesMax} allowed`;
    return { ok: false, problems: [{ file: printable(names[0] ?? ''), message }] };
  }
  problems.push(...duplicates(policies));
  return problems.length > 0 ? { ok: false, problems } : { ok: true, policies };
}

function parseFile(file: string, text: string): ParsedPolicies {
  if (!filePattern.test(file)) {
    const message = `"${printable(file)}" is not a policy file name: use letters, digits, ".", "_", "-" and "/"`;
    return { ok: false, problems: [{ file: printable(file), message }] };
  }
  const tooComplex = complexityProblem(text);
  if (tooComplex !== undefined) return { ok: false, problems: [problemInFile(tooComplex, file, text)] };
  const split = splitPolicies(text);
  if (!split.ok)
    return { ok: false, problems: split.faults.map((fault) => problemInFile(fault, file, text)) };
  if (split.templates > 0) {
    const message = 'policies with "?principal" or "?resource" (templates) are not used here';
    return { ok: false, problems: [{ file, message, help: 'write one policy for each case' }] };
  }
  const policies: PolicyText[] = [];
  const problems: PolicyProblem[] = [];
  const starts = lineStarts(text);
  for (const [index, piece] of split.pieces.entries()) {
    const tree = policyTree(piece.text);
    // The annotation's type says string; a bare @id comes as null.
    const named: string | null | undefined = tree.annotations?.['id'];
    const id = named ?? `${file}#${index + 1}`;
    const { line, column } = positionIn(starts, piece.start);
    if (named === null || !idPattern.test(id)) {
      const message = `@id("${printable(named ?? '')}") is not a policy id: use letters, digits and _ . : / # -, at most 128`;
      problems.push({ file, line, column, message });
    }
    policies.push({ id, file, effect: tree.effect, text: piece.text, tree, line, column });
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, policies };
}

function duplicates(policies: readonly PolicyText[]): readonly PolicyProblem[] {
  const first = new Map<string, PolicyText>();
  const problems: PolicyProblem[] = [];
  for (const policy of policies) {
    const earlier = first.get(policy.id);
    if (earlier === undefined) {
      first.set(policy.id, policy);
      continue;
    }
    problems.push({
      file: policy.file,
      policy: policy.id,
      line: policy.line,
      message: `the id "${policy.id}" is used twice; the other is in ${earlier.file}, line ${earlier.line}`,
      help: 'give one of the two another @id',
    });
  }
  return problems;
}

/** A library fault as a problem with file, line and column, its text made inert. */
function problemInFile(fault: Fault, file: string, text: string): PolicyProblem {
  return {
    file,
    message: printable(fault.message, 400),
    ...(fault.start === undefined ? {} : positionIn(lineStarts(text), fault.start)),
    ...(fault.help === undefined ? {} : { help: printable(fault.help, 400) }),
  };
}

/** The same for a fault whose offset counts in the policy's own text. */
export function problemInPolicy(fault: Fault, policy: PolicyText): PolicyProblem {
  const inside = positionIn(lineStarts(policy.text), fault.start ?? 0);
  return {
    file: policy.file,
    policy: policy.id,
    message: printable(fault.message, 400),
    line: policy.line + inside.line - 1,
    column: inside.line === 1 ? policy.column + inside.column - 1 : inside.column,
    ...(fault.help === undefined ? {} : { help: printable(fault.help, 400) }),
  };
}

function lineStarts(text: string): readonly number[] {
  return [0, ...Array.from(text.matchAll(/\r\n|\r|\n/g), (end) => end.index + end[0].length)];
}

/** Line and column, both counted from 1. Binary search: a file may hold thousands of policies. */
function positionIn(
  starts: readonly number[],
  offset: number,
): { readonly line: number; readonly column: number } {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
}
