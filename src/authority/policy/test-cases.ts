// "sallyport policy test FILE": questions with expected answers, in YAML, put to policy files that need not
// be applied. Asks the real decision point and answers with one row per case; case-file.ts reads the file,
// docs/policy.md describes it; `now` comes from the caller.

import { defaultTenant } from '../../core/tenant.ts';
import type { Question } from '../../core/decision.ts';
import { parseDuration } from '../../core/duration.ts';
import type { DeviceId, IdentityId, ServiceId, PolicyRevisionId } from '../../core/ids.ts';
import type { Service } from '../../core/service.ts';
import { printable } from '../../core/printable.ts';
import { checkPolicies } from './check.ts';
import { readCases, type PolicyCase } from './case-file.ts';
import { PolicyPoint } from './policy-point.ts';
import type { PolicyFiles, PolicyProblem } from './policy-text.ts';

export interface PolicyTestRow {
  readonly name: string;
  readonly pass: boolean;
  readonly expected: 'allow' | 'deny';
  readonly outcome: 'allow' | 'deny';
  readonly policies: readonly string[];
  /** What settled the answer and, for a failed case, what differs. */
  readonly why: string;
}

export type PolicyTestResult =
  | { readonly ok: true; readonly rows: readonly PolicyTestRow[]; readonly failed: number }
  | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

export interface PolicyTestOptions {
  readonly files: PolicyFiles;
  readonly casesFile: string;
  readonly casesText: string;
  readonly now: number;
}

/** Problems in the policies or in the cases mean that nothing was tested. */
export function testPolicies(options: PolicyTestOptions): PolicyTestResult {
  const check = checkPolicies(options.files);
  if (!check.ok) return check;
  const cases = readCases(options.casesText, printable(options.casesFile));
  if (!cases.ok) return cases;
  const point = new PolicyPoint();
  try {
    point.load({
      id: 'pol_test' as PolicyRevisionId,
      tenant: defaultTenant,
      number: 0,
      files: options.files,
      hash: '',
      appliedBy: 'system',
      appliedAt: options.now,
    });
    const rows = cases.cases.map((one, index) => row(point, { one, index, now: options.now }));
    return { ok: true, rows, failed: rows.filter((each) => !each.pass).length };
  } finally {
    point.close();
  }
}

function row(
  point: PolicyPoint,
  { one, index, now }: { one: PolicyCase; index: number; now: number },
): PolicyTestRow {
  const { decision, why } = point.explain(questionOf(one, now));
  const differences: string[] = [];
  if (decision.outcome !== one.expect) differences.push(`expected ${one.expect}, got ${decision.outcome}`);
  if (one.policies !== undefined) {
    const wanted = [...new Set(one.policies)].sort().join(', ');
    const got = decision.policies.join(', ');
    if (wanted !== got) differences.push(`expected policies [${wanted}], got [${got}]`);
  }
  return {
    name: printable(one.name ?? `${index + 1}: ${one.principal.name} ${one.action} ${one.device.name}`),
    pass: differences.length === 0,
    expected: one.expect,
    outcome: decision.outcome,
    policies: decision.policies,
    why: printable([...differences, why].join('; '), 400),
  };
}

function questionOf(one: PolicyCase, now: number): Question {
  const { principal, device, context } = one;
  const mfaAgeMs = context.mfaAge === undefined ? undefined : parseDuration(context.mfaAge);
  return {
    principal: {
      id: (principal.id ?? `idn_${principal.name}`) as IdentityId,
      kind: principal.kind,
      name: principal.name,
      roles: principal.roles,
      tenant: principal.tenant,
      createdAt: 0,
      ...(principal.owner === undefined ? {} : { owner: principal.owner as IdentityId }),
      ...(principal.purpose === undefined ? {} : { purpose: principal.purpose }),
    },
    action: one.action,
    device: {
      id: (device.id ?? `dev_${device.name}`) as DeviceId,
      name: device.name,
      owner: device.owner as IdentityId,
      purpose: device.purpose,
      labels: device.labels,
      tenant: device.tenant,
      spki: '',
      publicKey: '',
      linkEpoch: 0,
      createdAt: 0,
      renewal: { n: 0, expected: '' },
    },
    ...(one.service === undefined ? {} : { service: serviceOf(one.service, device) }),
    context: {
      now: context.now === undefined ? now : Date.parse(context.now),
      ...(context.sourceIp === undefined ? {} : { sourceIp: context.sourceIp }),
      ...(context.argv === undefined ? {} : { argv: context.argv }),
      ...(context.user === undefined ? {} : { user: context.user }),
      ...(context.path === undefined ? {} : { path: context.path }),
      ...(context.host === undefined ? {} : { host: context.host }),
      ...(context.port === undefined ? {} : { port: context.port }),
      ...(mfaAgeMs === undefined ? {} : { mfaAgeMs }),
      ...(context.mfaIsForThis === undefined ? {} : { mfaIsForThis: context.mfaIsForThis }),
      ...(context.approvals === undefined ? {} : { approvals: context.approvals }),
      ...(context.passkeyApprovals === undefined ? {} : { passkeyApprovals: context.passkeyApprovals }),
      ...(context.onBehalfOf === undefined ? {} : { onBehalfOf: context.onBehalfOf }),
      ...(context.ticket === undefined ? {} : { ticket: context.ticket }),
      ...(context.inWindow === undefined ? {} : { inWindow: context.inWindow }),
    },
  };
}

function serviceOf(one: NonNullable<PolicyCase['service']>, device: PolicyCase['device']): Service {
  return {
    ...one,
    id: `svc_${one.name}` as ServiceId,
    tenant: device.tenant,
    device: (device.id ?? `dev_${device.name}`) as DeviceId,
    owner: device.owner as IdentityId,
    purpose: device.purpose,
    reviewBy: Number.MAX_SAFE_INTEGER,
    createdAt: 0,
  };
}
