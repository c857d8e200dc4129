// A soak: a real broker, many agents, people who run commands on them without pause, and what goes wrong in
// years put into minutes: devices lose power, locks fall, gate and authority are killed. In between everything
// is let settle and counted: whatever grew from one settled moment to the next without a reason is a leak.
//
// The broker's processes are killed in the first half only, so that in the second half each lives long enough
// for its memory to be compared.

import { setTimeout as pause } from 'node:timers/promises';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { joinAgent } from '../../src/agent/join.ts';
import { readSignIn, type SignIn } from '../../src/cli/profile.ts';
import { runOnDevice, type DeviceOutcome } from '../../src/cli/fleet/run-device.ts';
import { seededRandom } from '../../src/platform/seeded-random.ts';
import { pidsRunning, residentBytes } from '../system/proc.ts';
import { until } from '../system/program.ts';
import { must, Stage } from '../system/stage.ts';
import { Crowds } from './crowds.ts';

export interface SoakOptions {
  readonly agents: number;
  /** Processes that these agents live in. */
  readonly crowds: number;
  readonly durationMs: number;
  /** Settled moments after the first. */
  readonly checks: number;
  /** The same seed gives the same choices. */
  readonly seed: string;
  readonly onProgress: (line: string) => void;
}

/** What a settled moment shows. */
export interface Settled {
  readonly atMs: number;
  readonly linked: number;
  readonly liveSessions: number;
  /** Of sessions, on the devices. */
  readonly processes: number;
  readonly rssMib: Readonly<Record<Part, number>>;
  readonly files: Readonly<Record<Part, number>>;
}

interface LiveSession {
  readonly target: string;
}

type Part = 'authority' | 'gate' | 'crowd';

export interface SoakReport {
  /** Commands by how they ended, kills and locks by what they hit. */
  readonly counts: Readonly<Record<string, number>>;
  readonly settled: readonly Settled[];
  /** By table, once the broker has ended. */
  readonly rows: Readonly<Record<string, number>>;
  /** Sessions by what the device said of their end. */
  readonly teardowns: Readonly<Record<string, number>>;
}

const lanes = 6;
const chaosEveryMs = 3_000;
const lockedMs = 1_500;
const settleMaxMs = 180_000;
const joinedAtOnce = 8;
const longestStreamMs = 4_000;
const tables = ['device', 'identity', 'credential', 'enrollment', 'lock', 'service', 'answer', 'session'];
/** Of what a command hides from its process group; tells what this soak left behind. */
const mark = `7205.${process.pid}`;
const streaming = ['sh', '-c', `setsid sleep ${mark} & while :; do echo tick; sleep 0.1; done`];

const policy = `
@id("soak")
@maxSession("1h")
@idle("10m")
permit (principal in Role::"operator", action in [Action::"discover", Action::"exec"], resource);
`;

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const stage = await Stage.open();
  try {
    await stage.signInPeople(await stage.startBroker());
    await stage.applyPolicy(policy);
    return await new Soak(options, stage).run();
  } finally {
    await stage.close();
  }
}

class Soak {
  readonly #options: SoakOptions;
  readonly #stage: Stage;
  readonly #me: SignIn;
  readonly #fraction: () => number;
  readonly #counts: Record<string, number> = {};
  readonly #devices: readonly string[];
  readonly #crowds: Crowds;
  readonly #startedAt = performance.now();

  constructor(options: SoakOptions, stage: Stage) {
    this.#options = options;
    this.#stage = stage;
    const random = seededRandom(options.seed);
    this.#fraction = () => random.fraction();
    this.#devices = Array.from({ length: options.agents }, (_, at) => `${stage.device}-${at}`);
    const dirs = this.#devices.map((device) => stage.stateDir(device));
    this.#crowds = new Crowds(dirs, { size: options.crowds, env: { SALLYPORT_TEST_STAGE: stage.folder } });
    process.env['SALLYPORT_HOME'] = join(stage.folder, 'home-ana');
    const me = readSignIn(stage.address);
    if (me === undefined) throw new Error('ana is not signed in');
    this.#me = me;
  }

  async run(): Promise<SoakReport> {
    const { durationMs, checks, onProgress } = this.#options;
    await this.#join();
    this.#crowds.startAll();
    try {
      // What is loaded and compiled once is no leak.
      await this.#turmoil(Math.min(durationMs / (checks + 1), 60_000), true);
      const settled = [await this.#settle()];
      for (let check = 1; check <= checks; check += 1) {
        await this.#turmoil(durationMs / checks, check <= checks / 2);
        settled.push(await this.#settle());
        onProgress(JSON.stringify(settled.at(-1)));
      }
      must(await this.#stage.admin('audit', 'verify'), ['audit', 'verify']);
      const teardowns = await this.#teardowns();
      await this.#stage.broker?.end();
      return { counts: this.#counts, settled, teardowns, rows: this.#rows() };
    } finally {
      await this.#crowds.stop();
    }
  }

  /** A device that was without power says it when it is back; nothing is waited for that never comes. */
  async #teardowns(): Promise<Record<string, number>> {
    return await until('every session has its receipt', async () => {
      const counts: Record<string, number> = {};
      for (const { teardown = 'none' } of await this.#stage.sessions())
        counts[teardown] = (counts[teardown] ?? 0) + 1;
      return counts['pending'] === undefined ? counts : undefined;
    });
  }

  async #join(): Promise<void> {
    const waiting = [...this.#devices];
    const lane = async (): Promise<void> => {
      for (let device = waiting.pop(); device !== undefined; device = waiting.pop()) {
        const words = ['devices', 'invite', device, '--owner', 'ana'];
        const { token } = (await this.#stage.adminJson(...words)) as { readonly token: string };
        await joinAgent({ address: this.#stage.address, token, state: this.#stage.stateDir(device) });
        if (waiting.length > 0 && waiting.length % 100 === 0)
          this.#options.onProgress(`${waiting.length} devices are to join`);
      }
    };
    await Promise.all(Array.from({ length: joinedAtOnce }, lane));
  }

  async #turmoil(forMs: number, withBroker: boolean): Promise<void> {
    const over = performance.now() + forMs;
    const isOn = (): boolean => performance.now() < over;
    const work = Array.from({ length: lanes }, async () => {
      while (isOn()) this.#count(await this.#runCommand());
    });
    const chaos = async (): Promise<void> => {
      while (isOn()) {
        await pause(chaosEveryMs * (0.5 + this.#fraction()));
        await this.#disturb(withBroker);
      }
    };
    await Promise.all([...work, chaos()]);
  }

  /** Half of them end by themselves, half stream until they are interrupted, or cut by what happens meanwhile. */
  async #runCommand(): Promise<string> {
    const isShort = this.#fraction() < 0.5;
    const argv = isShort ? ['echo', 'done'] : streaming;
    const cut = AbortSignal.timeout(isShort ? 30_000 : 500 + Math.floor(longestStreamMs * this.#fraction()));
    const outcome: DeviceOutcome = await runOnDevice(this.#me, {
      device: this.#anyOf(this.#devices),
      params: { kind: 'exec', argv, env: {} },
      forMs: undefined,
      interrupt: new AbortController().signal,
      cut,
    });
    if (outcome.status === 'offline') await pause(200);
    return `${isShort ? 'short' : 'stream'} ${outcome.error?.code ?? outcome.status}`;
  }

  async #disturb(withBroker: boolean): Promise<void> {
    const dice = this.#fraction();
    if (dice < 0.6) await this.#lock();
    else if (withBroker && dice < 0.7) this.#killPart('gate');
    else if (withBroker && dice < 0.8) this.#killPart('authority');
    else await this.#cutPower();
  }

  /** Of a device that somebody works on, where there is one. */
  async #lock(): Promise<void> {
    const [live] = (await this.#live()) ?? [];
    const device = live?.target ?? this.#anyOf(this.#devices);
    const words = ['lock', 'add', '--device', device, '--reason', 'soak', '--for', '1h', '--json'];
    const { code, stdout } = await this.#stage.admin(...words);
    // The authority may be on its way back.
    if (code !== 0) return;
    const { lock, cut } = JSON.parse(stdout) as {
      readonly lock: { readonly id: string };
      readonly cut: string[];
    };
    this.#count('lock');
    for (const _ of cut) this.#count('cut by a lock');
    await pause(lockedMs);
    await until('the lock is lifted', async () => (await this.#stage.admin('unlock', lock.id)).code === 0);
  }

  #killPart(part: 'gate' | 'authority'): void {
    const pid = this.#stage.partIfAny(part);
    if (pid === undefined) return;
    process.kill(pid, 'SIGKILL');
    this.#count(`kill of the ${part}`);
  }

  /** Not of the first crowd: its memory is compared. */
  async #cutPower(): Promise<void> {
    const at = 1 + Math.floor(this.#fraction() * (this.#crowds.size - 1));
    if (at >= this.#crowds.size) return;
    await this.#crowds.kill(at);
    this.#count('kill of a crowd');
    await pause(500);
    this.#crowds.start(at);
  }

  async #settle(): Promise<Settled> {
    const { agents } = this.#options;
    let linked = 0;
    let liveSessions = -1;
    await until(
      'all devices are linked and no session is live',
      async () => {
        await pause(500);
        linked = await this.#linked();
        liveSessions = (await this.#live())?.length ?? -1;
        return linked === agents && liveSessions === 0 && this.#processes() === 0;
      },
      settleMaxMs,
    );
    const pids = {
      authority: this.#stage.part('authority'),
      gate: this.#stage.part('gate'),
      crowd: this.#crowds.pid(0),
    };
    return {
      atMs: Math.round(performance.now() - this.#startedAt),
      linked,
      liveSessions,
      processes: this.#processes(),
      rssMib: each(pids, (pid) => Math.round(residentBytes(pid) / 2 ** 20)),
      files: each(pids, (pid) => readdirSync(`/proc/${pid}/fd`).length),
    };
  }

  /** Undefined while the authority is on its way back. */
  async #live(): Promise<readonly LiveSession[] | undefined> {
    const { code, stdout } = await this.#stage.admin('sessions', 'ls', '--json');
    return code === 0 ? (JSON.parse(stdout) as readonly LiveSession[]) : undefined;
  }

  async #linked(): Promise<number> {
    const { code, stdout } = await this.#stage.admin('devices', 'ls', '--json');
    if (code !== 0) return -1;
    return (JSON.parse(stdout) as readonly { readonly online: boolean }[]).filter(({ online }) => online)
      .length;
  }

  #processes(): number {
    return pidsRunning(...streaming).length + pidsRunning('sleep', mark).length;
  }

  #rows(): Record<string, number> {
    const database = new DatabaseSync(join(this.#stage.dataDir, 'authority', 'store.db'), { readOnly: true });
    try {
      return Object.fromEntries(
        tables.map((table) => [
          table,
          Number(database.prepare(`select count(*) as n from "${table}"`).get()?.['n']),
        ]),
      );
    } finally {
      database.close();
    }
  }

  #anyOf<T>(things: readonly T[]): T {
    const thing = things[Math.floor(this.#fraction() * things.length)];
    if (thing === undefined) throw new Error('there is nothing to choose from');
    return thing;
  }

  #count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }
}

function each<T, R>(all: Readonly<Record<Part, T>>, of: (value: T) => R): Record<Part, R> {
  return { authority: of(all.authority), gate: of(all.gate), crowd: of(all.crowd) };
}
