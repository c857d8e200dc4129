// One finding of `agent preflight`: what was looked at, whether it is good, what was seen, and what to do next.

import type { SallyportError } from '../../core/errors.ts';

/** In the order in which they are made; what cannot be looked at after an earlier one failed is left out. */
export type CheckName = 'proxy' | 'dns' | 'tcp' | 'tunnel' | 'link' | 'api' | 'clock' | 'version' | 'nat';

export interface Verdict {
  readonly ok: boolean;
  readonly detail: string;
  /** Also on what is good, where something is better changed. */
  readonly next?: string;
}

export interface Check extends Verdict {
  readonly check: CheckName;
}

export function good(detail: string, next?: string): Verdict {
  return { ok: true, detail, ...(next === undefined ? {} : { next }) };
}

export function bad(detail: string, next: string): Verdict {
  return { ok: false, detail, next };
}

/** What a failed attempt says of itself. */
export function failed({ message, next }: SallyportError): Verdict {
  return bad(message, next ?? 'see what stands between here and the broker');
}
