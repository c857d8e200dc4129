// The stage of a story: a broker as a real process, one administrator, one operator, and nobody else yet. What the
// steps start is ended with it.

import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeviceView } from '../../api/nouns.ts';
import { freePort } from './free-port.ts';
import { run, start, type Surroundings } from './program.ts';
import { must, mustJson, readInvite, stop } from './stage.ts';

export class StoryStage {
  readonly folder: string;
  readonly address: string;
  readonly admin: Surroundings;
  readonly operator: Surroundings;
  readonly #running = new Set<ChildProcess>();
  broker: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.address = `localhost:${port}`;
    this.admin = { home: join(folder, 'admin') };
    this.operator = { home: join(folder, 'ana') };
  }

  static async open(): Promise<StoryStage> {
    return new StoryStage(await mkdtemp(join(tmpdir(), 'sallyport-story-')), await freePort());
  }

  get dataDir(): string {
    return join(this.folder, 'broker');
  }

  stateOf(device: string): string {
    return join(this.folder, device);
  }

  /** What was started with this word, as an agent with its state directory. */
  runningWith(word: string): ChildProcess | undefined {
    return [...this.#running].find(({ spawnargs }) => spawnargs.at(-1) === word);
  }

  keep(child: ChildProcess): ChildProcess {
    this.#running.add(child);
    child.once('close', () => this.#running.delete(child));
    return child;
  }

  /** The first administrator's invite, as long as there is none. */
  async startBroker(surroundings = this.admin, isFirst = false): Promise<string> {
    const listen = this.address.replace('localhost', '127.0.0.1');
    const words = ['broker', 'run', '--data', this.dataDir, '--listen', listen, '--name', 'localhost'];
    this.broker = this.keep(start(words, surroundings));
    if (isFirst) return await readInvite(this.broker);
    let said = '';
    this.broker.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
    await this.until('the broker listens', () => Promise.resolve(said.includes('listening on')));
    return '';
  }

  async endBroker(): Promise<void> {
    if (this.broker !== undefined) await stop(this.broker);
  }

  async signIn(invite: string): Promise<void> {
    await must(run(['login', this.address, '--invite', invite], this.admin));
    const ana = await mustJson(run(['identities', 'add', 'ana', '--role', 'operator', '--json'], this.admin));
    await must(run(['login', this.address, '--invite', String(ana['token'])], this.operator));
  }

  async applyPolicy(text: string): Promise<void> {
    const file = join(this.folder, 'policy', 'story.cedar');
    await mkdir(join(this.folder, 'policy'), { recursive: true });
    await writeFile(file, text);
    await must(run(['policy', 'apply', file, '-m', 'for this story'], this.admin));
  }

  async devices(): Promise<readonly DeviceView[]> {
    const { status, stdout } = await run(['devices', 'ls', '--json'], this.admin);
    return status === 0 ? (JSON.parse(stdout) as readonly DeviceView[]) : [];
  }

  async show(device: string): Promise<DeviceView> {
    return (await mustJson(run(['devices', 'show', device, '--json'], this.admin))) as unknown as DeviceView;
  }

  /** Looks again until it is so; throws when that takes more than two minutes. */
  async until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + 120_000;
    while (!(await isSo())) {
      if (performance.now() > deadline) throw new Error(`not within two minutes: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  async untilLinked(count: number): Promise<void> {
    await this.until(`${count} devices are linked`, async () => {
      return (await this.devices()).filter(({ online }) => online).length >= count;
    });
  }

  async close(): Promise<void> {
    for (const child of [...this.#running].toReversed()) await stop(child);
    await rm(this.folder, { recursive: true, force: true });
  }
}
