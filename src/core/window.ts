// A maintenance window: on which devices, when it opens, and for how long. Policy reads whether one is open
// as `context.inWindow`; by itself a window grants nothing.

import type { Device } from './device.ts';
import type { DeviceId, IdentityId, WindowId } from './ids.ts';

export type WindowScope =
  | { readonly kind: 'device'; readonly id: DeviceId }
  | { readonly kind: 'label'; readonly key: string; readonly value: string }
  | { readonly kind: 'all' };

export interface Window {
  readonly id: WindowId;
  readonly tenant: string;
  readonly name: string;
  readonly scope: WindowScope;
  /** iCalendar: DTSTART, and perhaps RRULE and EXDATE. */
  readonly rule: string;
  /** Elapsed time from each start. */
  readonly lastsMs: number;
  readonly createdBy: IdentityId | 'system';
  readonly createdAt: number;
}

export function appliesTo(
  { tenant, scope }: Window,
  device: Pick<Device, 'id' | 'tenant' | 'labels'>,
): boolean {
  if (tenant !== device.tenant) return false;
  switch (scope.kind) {
    case 'device':
      return scope.id === device.id;
    case 'label':
      return device.labels[scope.key] === scope.value;
    case 'all':
      return true;
    default:
      return scope satisfies never;
  }
}
