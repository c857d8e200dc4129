// sallyport inventory: identities, devices, services, and the links and sessions that are live. What is
// connected is what the broker carries at this moment, not what is on record.

import { exitStatus } from '../../core/errors.ts';
import { allPages, call } from '../api.ts';
import type { CommonOptions } from '../catalogue/spec.ts';
import { printJson } from '../output.ts';
import { loadSignIn, type SignIn } from '../profile.ts';
import { printTable } from '../table.ts';

interface Line {
  readonly what: string;
  readonly all: number;
  readonly detail: string;
}

export async function run(options: CommonOptions): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const inventory = await take(me);
  if (options.json === true) printJson(inventory);
  else {
    printTable<Line>(
      summary(inventory),
      [
        { title: 'WHAT', value: ({ what }) => what },
        { title: 'ALL', value: ({ all }) => String(all) },
        { title: 'OF THEM', value: ({ detail }) => detail },
      ],
      { empty: 'nothing' },
    );
  }
  return exitStatus.done;
}

async function take(me: SignIn) {
  const takenAt = new Date().toISOString();
  const identities = await allPages((page) => call(me, 'GET /v1/identities', { query: page }));
  const devices = await allPages((page) => call(me, 'GET /v1/devices', { query: page }));
  const services = await allPages((page) => call(me, 'GET /v1/services', { query: page }));
  const sessions = await allPages((page) =>
    call(me, 'GET /v1/sessions', { query: { ...page, live: 'true' } }),
  );
  return { takenAt, broker: me.broker, identities, devices, services, sessions };
}

function summary(inventory: Awaited<ReturnType<typeof take>>): readonly Line[] {
  const { identities, devices, services, sessions } = inventory;
  const { length: people } = identities.filter(({ kind }) => kind === 'human');
  const lines = [
    { what: 'people', all: people, of: [['locked', identities.filter(({ locked }) => locked).length]] },
    { what: 'machines and agents', all: identities.length - people, of: [] },
    {
      what: 'devices',
      all: devices.length,
      of: [
        ['linked', devices.filter(({ online }) => online).length],
        ['pending', devices.filter(({ hold }) => hold?.why === 'pending').length],
        ['in quarantine', devices.filter(({ hold }) => hold !== undefined && hold.why !== 'pending').length],
        ['locked', devices.filter(({ locked }) => locked).length],
      ],
    },
    { what: 'services', all: services.length, of: [] },
    {
      what: 'live sessions',
      all: sessions.length,
      of: [...new Set(sessions.map(({ kind }) => kind))].map((kind) => [
        kind,
        sessions.filter((session) => session.kind === kind).length,
      ]),
    },
  ] as const;
  return lines.map(({ what, all, of }) => ({
    what,
    all,
    detail: of
      .filter(([, count]) => count !== 0)
      .map(([name, count]) => `${count} ${name}`)
      .join(', '),
  }));
}
