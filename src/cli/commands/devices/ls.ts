// sallyport devices ls

import type { DeviceView } from '../../../api/nouns.ts';
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
}

export async function run(options: Options): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const where = options.where === undefined ? {} : { where: [...options.where] };
  const devices = await allPages(
    (page) => call(me, 'GET /v1/devices', { query: { ...page, ...where } }),
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
        { title: 'AGENT', value: (device) => device.agentVersion },
      ],
      { empty: 'no devices that you may know of' },
    );
  }
  return 0;
}

export function stateOf(device: DeviceView): string {
  if (device.locked) return 'locked';
  if (device.hold !== undefined) return device.hold.why === 'pending' ? 'pending' : 'quarantine';
  return device.online ? 'online' : 'offline';
}

function toneOf(device: DeviceView): Tone | undefined {
  if (device.locked || device.hold !== undefined) return 'bad';
  return device.online ? 'good' : 'quiet';
}
