// sallyport devices ls

import type { DeviceView } from '../../../api/nouns.ts';
import { formatDuration } from '../../../core/duration.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { labelText } from '../../label.ts';
import { countFlag, localTime } from '../../moment.ts';
import { printJson, type Tone } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

interface Options extends CommonOptions {
  readonly where?: readonly string[];
  readonly limit?: string;
  readonly pending?: boolean;
  readonly offline?: boolean;
}

export async function run(options: Options): Promise<number> {
  const now = Date.now();
  const me = loadSignIn(options, now);
  const narrow = {
    ...(options.where === undefined ? {} : { where: [...options.where] }),
    ...(options.pending === true ? ({ hold: 'pending' } as const) : {}),
    ...(options.offline === true ? ({ online: 'false' } as const) : {}),
  };
  const devices = await allPages(
    (page) => call(me, 'GET /v1/devices', { query: { ...page, ...narrow } }),
    countFlag('limit', options.limit),
  );
  if (options.json === true) printJson(devices);
  else {
    printTable<DeviceView>(
      devices,
      [
        { title: 'DEVICE', value: (device) => device.name },
        { title: 'STATE', value: stateOf, tone: toneOf },
        { title: 'OWNER', value: (device) => device.owner.name },
        { title: 'LABELS', value: (device) => labelText(device.labels) },
        { title: 'SESSIONS', value: (device) => (device.sessions === 0 ? '' : String(device.sessions)) },
        { title: 'LAST SEEN', value: (device) => localTime(device.lastSeenAt) ?? 'never' },
        { title: 'CERTIFICATE', value: (device) => certificateText(device, now) },
        { title: 'AGENT', value: (device) => device.agentVersion },
        { title: 'OFFLINE BECAUSE', value: (device) => device.offlineBecause },
      ],
      { empty: 'no devices that you may know of' },
    );
  }
  return 0;
}

const holdStates = {
  pending: 'pending',
  clone: 'quarantine',
  long_absent: 'quarantine',
  replaced: 'replaced',
} as const;

/** Said only where it is over: while it holds it is renewed all the time. */
function certificateText({ certificateNotAfter }: DeviceView, now: number): string | undefined {
  if (certificateNotAfter === undefined || Date.parse(certificateNotAfter) > now) return undefined;
  return `ended ${formatDuration(now - Date.parse(certificateNotAfter))} ago`;
}

export function stateOf(device: DeviceView): string {
  if (device.locked) return 'locked';
  if (device.hold !== undefined) return holdStates[device.hold.why];
  return device.online ? 'online' : 'offline';
}

function toneOf(device: DeviceView): Tone | undefined {
  if (device.locked || device.hold !== undefined) return 'bad';
  return device.online ? 'good' : 'quiet';
}
