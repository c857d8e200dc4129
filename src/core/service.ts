// A service: something that a device can reach and offers by name, so far over TCP. Somebody owns it,
// it is classified, and somebody has said until when that was reviewed: what is not, or no longer,
// is not reachable.

import type { DeviceId, IdentityId, ServiceId } from './ids.ts';

/** identity-bearing workload, a secret's home, an administrative interface. */
export const serviceClasses = ['workload', 'secret', 'admin'] as const;
export type ServiceClass = (typeof serviceClasses)[number];

export interface Service {
  readonly id: ServiceId;
  readonly tenant: string;
  readonly device: DeviceId;
  readonly name: string;
  /** As the device resolves it. */
  readonly host: string;
  readonly port: number;
  readonly class: ServiceClass;
  readonly owner: IdentityId;
  readonly purpose: string;
  /** Unix ms: from then on it is refused until reviewed again. */
  readonly reviewBy: number;
  readonly createdAt: number;
}

export function isReviewed(service: Service, now: number): boolean {
  return now < service.reviewBy;
}
