// The policies of all tenants: each has its own revisions, and a question is answered by those of the tenant
// that the device is of.

import type { HouseDecision, HouseQuestion } from '../../core/decision.ts';
import type { PolicyRevision } from '../../core/policy-revision.ts';
import { PolicyPoint } from './policy-point.ts';

type Asked<M extends 'decide' | 'explain' | 'whoCan' | 'could'> = Parameters<PolicyPoint[M]>[0];

export class PolicyBook {
  readonly #points = new Map<string, PolicyPoint>();
  /** Of who has applied nothing yet. */
  readonly #none = new PolicyPoint();

  revisionOf(tenant: string): PolicyRevision | undefined {
    return this.#of(tenant).revision;
  }

  /** Puts it in force for its tenant, all or nothing. Throws policy_invalid, and the old one stays. */
  load(revision: PolicyRevision): void {
    const known = this.#points.get(revision.tenant);
    const point = known ?? new PolicyPoint();
    try {
      point.load(revision);
      this.#points.set(revision.tenant, point);
    } finally {
      if (known === undefined && point.revision === undefined) point.close();
    }
  }

  decide(question: Asked<'decide'>): ReturnType<PolicyPoint['decide']> {
    return this.#of(question.device.tenant).decide(question);
  }

  /** Of the tenant that who asks is of. */
  decideHouse(question: HouseQuestion): HouseDecision {
    return this.#of(question.principal.tenant).decideHouse(question);
  }

  explainHouse(question: HouseQuestion): ReturnType<PolicyPoint['explainHouse']> {
    return this.#of(question.principal.tenant).explainHouse(question);
  }

  explain(question: Asked<'explain'>): ReturnType<PolicyPoint['explain']> {
    return this.#of(question.device.tenant).explain(question);
  }

  mostDemanded(question: Asked<'decide'>): ReturnType<PolicyPoint['mostDemanded']> {
    return this.#of(question.device.tenant).mostDemanded(question);
  }

  whoCan(
    question: Asked<'whoCan'>,
    principals: Parameters<PolicyPoint['whoCan']>[1],
  ): ReturnType<PolicyPoint['whoCan']> {
    return this.#of(question.device.tenant).whoCan(question, principals);
  }

  could(question: Asked<'could'>): ReturnType<PolicyPoint['could']> {
    return this.#of(question.device.tenant).could(question);
  }

  close(): void {
    for (const point of [...this.#points.values(), this.#none]) point.close();
  }

  #of(tenant: string): PolicyPoint {
    return this.#points.get(tenant) ?? this.#none;
  }
}
