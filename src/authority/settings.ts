// The broker's own small facts in the store: the state epoch, and which policy files were imported.

import type { Store } from './store/store.ts';

export const settingIds = {
  stateEpoch: 'stateEpoch',
  policyFiles: 'policyFilesHash',
  breakGlassKeys: 'breakGlassKeys',
  noticeCursor: 'noticeCursor',
} as const;

/** Up to when tickets of this source were forgotten, Unix ms. */
export function forgottenTickets(source: string): string {
  return `forgottenTickets/${source}`;
}

/** The epoch that only a restore raises (design section 4); 1 on the first start. */
export async function readStateEpoch(store: Store): Promise<number> {
  const stored = await store.get('setting', settingIds.stateEpoch);
  if (stored !== undefined) return Number(stored.value.value);
  await store.commit({
    changes: [{ put: 'setting', value: { id: settingIds.stateEpoch, value: '1' }, rev: 0 }],
    events: [],
  });
  return 1;
}
