// A broker, its people and a device as real processes with data directories of their own, set up by the
// commands that a user types. `close` ends all of it by pid and then looks: a process or a socket that is
// left over is a failure of the test that left it.

import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { freePort } from '../../src/cli/demo/free-port.ts';
import { childrenOf, commandOf, pidsWithEnvironment } from './proc.ts';
import { Program, until, type Ran, type StartOptions, type Surroundings } from './program.ts';

export const sitePolicy = `
@id("operators-see")
permit (principal in Role::"operator", action == Action::"discover", resource);

@id("operators-work")
@maxSession("1h")
@idle("10m")
@banner("authorised work only: this session is on the log")
permit (
  principal in Role::"operator",
  action in [Action::"shell", Action::"exec"],
  resource
) when { resource.hasTag("site") && resource.getTag("site") == "lyon" };
`;

type Person = 'ana' | 'admin' | 'bo' | 'cy';
type Place = 'broker' | 'device' | Person;

export interface StageOptions {
  /** Words before the program, by who runs it. */
  readonly within?: Readonly<Partial<Record<Place, readonly string[]>>>;
  readonly listen?: string;
  /** As people and devices dial it. */
  readonly address?: string;
}

export interface SessionSeen {
  readonly id: string;
  readonly state: string;
  readonly live: boolean;
  readonly createdAt: string;
  readonly endReason?: string;
  readonly endDetail?: string;
  readonly teardown?: string;
  readonly policies: readonly string[];
}

export interface EventSeen {
  readonly type: string;
  readonly code?: string;
  readonly session?: string;
  readonly body?: Readonly<Record<string, unknown>>;
}

export class Stage {
  readonly folder: string;
  readonly address: string;
  /** Its name tells what this stage left behind from what another one did. */
  readonly device: string;
  /** Everything that was started, in order. */
  readonly programs: Program[] = [];
  broker: Program | undefined;
  agent: Program | undefined;
  readonly #listen: string;
  readonly #within: NonNullable<StageOptions['within']>;

  private constructor(folder: string, where: Required<StageOptions>) {
    this.folder = folder;
    this.address = where.address;
    this.#listen = where.listen;
    this.#within = where.within;
    this.device = `pump-${randomBytes(4).toString('hex')}`;
  }

  /** An empty stage: nothing runs yet. */
  static async open(options: StageOptions = {}): Promise<Stage> {
    const folder = await mkdtemp(join(tmpdir(), 'sp-'));
    const port = await freePort();
    return new Stage(folder, {
      within: {},
      listen: `127.0.0.1:${port}`,
      address: `localhost:${port}`,
      ...options,
    });
  }

  /** Broker, administrator, ana the operator, one device online, and a policy that lets her work on it. */
  static async ready(options: StageOptions = {}): Promise<Stage> {
    const stage = await Stage.open(options);
    try {
      await stage.signInPeople(await stage.startBroker());
      await stage.joinDevice();
      await stage.startAgent();
      await stage.applyPolicy(sitePolicy);
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  get dataDir(): string {
    return join(this.folder, 'broker');
  }

  stateDir(device = this.device): string {
    return join(this.folder, device);
  }

  surroundings(place: Place): Surroundings {
    const within = this.#within[place];
    return {
      ...(within === undefined ? {} : { within }),
      env: {
        HOME: this.folder,
        SALLYPORT_HOME: join(this.folder, `home-${place}`),
        // Inherited by whatever is started from here, except on the device: how leftovers are found.
        SALLYPORT_TEST_STAGE: this.folder,
      },
    };
  }

  start(words: readonly string[], surroundings: Surroundings, options: StartOptions = {}): Program {
    const program = new Program(words, surroundings, options);
    this.programs.push(program);
    return program;
  }

  async run(words: readonly string[], surroundings: Surroundings): Promise<Ran> {
    const program = this.start(words, surroundings);
    program.child.stdin.end();
    return await program.finished();
  }

  async admin(...words: readonly string[]): Promise<Ran> {
    return await this.run(words, this.surroundings('admin'));
  }

  async ana(...words: readonly string[]): Promise<Ran> {
    return await this.run(words, this.surroundings('ana'));
  }

  /** Of a command with --json that has to succeed. */
  async adminJson(...words: readonly string[]): Promise<unknown> {
    return JSON.parse(must(await this.admin(...words, '--json'), words)) as unknown;
  }

  /** The first administrator's invite, as the broker printed it; empty when it has one already. */
  async startBroker(surroundings: Surroundings = this.surroundings('broker')): Promise<string> {
    const name = this.address.slice(0, this.address.lastIndexOf(':'));
    const words = ['broker', 'run', '--data', this.dataDir, '--listen', this.#listen, '--name', name];
    this.broker = this.start(words, surroundings);
    await this.broker.prints(/listening on \S+/);
    return /--invite (\S+)/.exec(this.broker.stdout)?.[1] ?? '';
  }

  async signInPeople(invite: string): Promise<void> {
    must(await this.admin('login', this.address, '--invite', invite), ['login']);
    const ana = (await this.adminJson('identities', 'add', 'ana', '--role', 'operator')) as Token;
    must(await this.ana('login', this.address, '--invite', ana.token), ['login']);
  }

  /** Somebody besides, who decides on what others ask for. */
  async signInApprover(name: 'bo' | 'cy'): Promise<void> {
    const { token } = (await this.adminJson('identities', 'add', name, '--role', 'approver')) as Token;
    must(await this.run(['login', this.address, '--invite', token], this.surroundings(name)), ['login']);
  }

  async joinDevice(name = this.device, site = 'lyon'): Promise<void> {
    const label = ['--owner', 'ana', '--label', `site=${site}`];
    const invited = (await this.adminJson('devices', 'invite', name, ...label)) as Token;
    const words = ['agent', 'join', this.address, '--token', invited.token, '--state', this.stateDir(name)];
    must(await this.run(words, this.surroundings('device')), words);
  }

  /** Resolves when the broker has its link. */
  async startAgent(surroundings: Surroundings = this.surroundings('device')): Promise<Program> {
    this.agent = this.start(['agent', 'run', '--state', this.stateDir()], surroundings);
    await this.untilOnline();
    return this.agent;
  }

  async untilOnline(device = this.device): Promise<void> {
    await until(`"${device}" is online`, async () => {
      // It may fail for a while: also the authority may be on its way back.
      const { code, stdout } = await this.admin('devices', 'show', device, '--json');
      return code === 0 && (JSON.parse(stdout) as { readonly online: boolean }).online;
    });
  }

  async applyPolicy(text: string): Promise<void> {
    const folder = join(this.folder, 'policy');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'site.cedar'), text);
    must(await this.admin('policy', 'apply', folder, '-m', 'for this test'), ['policy', 'apply']);
  }

  /** One of the broker's two processes. */
  part(name: 'authority' | 'gate'): number {
    const pid = this.partIfAny(name);
    if (pid === undefined) throw new Error(`the broker has no ${name}:\n${this.broker?.output}`);
    return pid;
  }

  partIfAny(name: 'authority' | 'gate'): number | undefined {
    return childrenOf(this.broker?.pid ?? 0, ` broker ${name} `)[0];
  }

  /** Everybody's sessions, newest first. */
  async sessions(): Promise<readonly SessionSeen[]> {
    const seen = (await this.adminJson('sessions', 'ls', '--all')) as readonly SessionSeen[];
    return seen.toSorted((one, two) => two.createdAt.localeCompare(one.createdAt));
  }

  async untilSession(
    what: string,
    isSo: (session: SessionSeen) => boolean,
    withinMs?: number,
  ): Promise<SessionSeen> {
    return await until(
      `a session ${what}`,
      async () => (await this.sessions().catch(() => [])).find(isSo),
      withinMs,
    );
  }

  async events(...filters: readonly string[]): Promise<readonly EventSeen[]> {
    return (await this.adminJson('audit', 'search', '--limit', '1000', ...filters)) as readonly EventSeen[];
  }

  /** There are so many of this type on the log; the authority may be on its way back meanwhile. */
  async untilEvent(type: string, count: number): Promise<void> {
    await until(`${count} of ${type} are on the log`, async () => {
      return (await this.events('--type', type).catch(() => [])).length >= count;
    });
  }

  /** A channel was refused with this code: the command that was refused knows it before the log does. */
  async untilRefused(code: string): Promise<void> {
    await until(`a channel is refused with ${code} on the log`, async () =>
      (await this.events('--type', 'channel.refused')).some((event) => event.code === code),
    );
  }

  /** Processes on the device that belong to one of its sessions. */
  onDevice(): readonly number[] {
    return pidsWithEnvironment('SALLYPORT_TARGET', this.device);
  }

  /** Ends everything, newest first, and looks at what is left. */
  async close(): Promise<void> {
    const stuck: string[] = [];
    for (const program of this.programs.toReversed()) {
      const { signal } = await program.end();
      if (signal === 'SIGKILL' && !program.wasKilled) stuck.push(program.words.join(' '));
    }
    const left = [...pidsWithEnvironment('SALLYPORT_TEST_STAGE', this.folder), ...this.onDevice()].filter(
      (pid) => pid !== process.pid,
    );
    const words = left.map((pid) => `${pid} ${commandOf(pid)}`);
    for (const pid of left) process.kill(pid, 'SIGKILL');
    const sockets = await socketsIn(this.folder);
    await rm(this.folder, { recursive: true, force: true });
    assert.deepEqual(stuck, [], 'programs did not end by SIGTERM');
    assert.deepEqual(words, [], 'processes are left over');
    assert.deepEqual(sockets, [], 'socket files are left over');
  }
}

interface Token {
  readonly token: string;
}

export function must(ran: Ran, words: readonly string[]): string {
  if (ran.code === 0) return ran.stdout;
  throw new Error(`"sallyport ${words.join(' ')}" ended with ${ran.code}: ${ran.stderr}${ran.stdout}`);
}

async function socketsIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isSocket()).map((entry) => join(entry.parentPath, entry.name));
}

/** A folder that another user may look into, unlike the stage's own. */
export async function openFolder(stage: Stage, name: string): Promise<string> {
  const path = join(stage.folder, name);
  await mkdir(path);
  await chmod(stage.folder, 0o755);
  await chmod(path, 0o755);
  return path;
}
