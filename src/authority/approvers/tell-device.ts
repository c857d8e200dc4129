// Use-case: a device says how it looks at approvals, and is given the sets that follow the one it has pinned.

import type { z } from 'zod';
import type { deviceApprovers, deviceApproversBody } from '../../api/approvers.ts';
import { SallyportError } from '../../core/errors.ts';
import { parseId } from '../../core/ids.ts';
import type { Device } from '../../core/device.ts';
import type { AuthorityContext, Caller } from '../context.ts';
import { updateRecord } from '../store/update-record.ts';
import { readySetsAfter } from './sets.ts';

export async function tellDevice(
  ctx: AuthorityContext,
  caller: Caller,
  { check, version }: z.infer<typeof deviceApproversBody>,
): Promise<z.infer<typeof deviceApprovers>> {
  const id = parseId('dev', caller.id);
  if (id === undefined) throw new SallyportError('wrong_kind', 'only devices say this');
  const approvals = check === 'off' ? undefined : { check, ...(version === undefined ? {} : { version }) };
  await updateRecord(ctx.store, { kind: 'device', id }, (device) => {
    const known = device.approvals;
    if (known?.check === approvals?.check && known?.version === approvals?.version) return undefined;
    const { approvals: _before, ...rest } = device;
    const value: Device = { ...rest, ...(approvals === undefined ? {} : { approvals }) };
    return {
      value,
      events: [
        {
          type: 'device.approvals_changed',
          actor: { kind: 'device', id },
          outcome: 'success',
          device: id,
          body: { name: device.name, check, ...(version === undefined ? {} : { version }) },
        },
      ],
    };
  });
  return { sets: version === undefined ? [] : await readySetsAfter(ctx, version) };
}
