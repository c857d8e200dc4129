// sallyport devices show DEVICE

import type { DeviceView } from '../../../api/nouns.ts';
import { describeHold } from '../../../core/device.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { labelText } from '../../label.ts';
import { localTime, localTimeAndDistance } from '../../moment.ts';
import { printFields, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { stateOf } from './ls.ts';

export async function run(options: CommonOptions & { readonly device: string }): Promise<number> {
  const now = Date.now();
  const me = loadSignIn(options, now);
  const device = await call(me, 'GET /v1/devices/:id', { params: { id: options.device } });
  if (options.json === true) {
    printJson(device);
    return 0;
  }
  printFields([
    ['device', device.name],
    ['id', device.id],
    ['state', stateOf(device)],
    ['held', heldText(device)],
    ['owner', `${device.owner.name} (${device.owner.id})`],
    ['purpose', device.purpose],
    ['labels', labelText(device.labels)],
    ['linked since', localTime(device.linkedAt)],
    ['offline because', device.offlineBecause],
    ['last seen', localTime(device.lastSeenAt) ?? 'never'],
    ['agent', device.agentVersion],
    ['approvals', approvalText(device)],
    ['certificate ends', localTimeAndDistance(device.certificateNotAfter, now)],
    ['live sessions', String(device.sessions)],
    ['joined', localTime(device.createdAt)],
  ]);
  return 0;
}

function approvalText({ approvals }: DeviceView): string | undefined {
  if (approvals === undefined) return undefined;
  const { check, version } = approvals;
  const by = version === undefined ? 'no approver set is pinned: nobody gets in' : `approver set ${version}`;
  return `looked at there (${check}), ${by}`;
}

function heldText({ hold }: DeviceView): string | undefined {
  if (hold === undefined) return undefined;
  return `it ${describeHold(hold)}, since ${localTime(hold.since) ?? ''}`;
}
