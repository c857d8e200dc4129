// A PostgreSQL of the demo's own, where the machine has its programs: a cluster in a temporary folder, on
// loopback only, behind a password made for it (whoever else is on the machine could run programs by it),
// and gone when it stops. The system tests use it too.

import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, chown, constants, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { SallyportError } from '../../core/errors.ts';
import { freePort } from './free-port.ts';
import { collect, exitOf } from './program.ts';

export interface Postgres {
  readonly initdb: string;
  readonly postgres: string;
  readonly psql: string;
}

export interface Database {
  readonly port: number;
  /** What psql prints of it, asked at a port of this machine: the database's own, or that of a forward to it. */
  query(port: number, sql: string): Promise<string>;
  /** Ends it, and removes all that it wrote. */
  stop(): Promise<void>;
}

const superuser = 'postgres';
/** Packages put the server's programs beside each other in a folder of their version, outside the PATH. */
const versionFolders = [
  { base: '/usr/lib/postgresql', isVersion: /^(\d+)$/ },
  { base: '/usr', isVersion: /^pgsql-(\d+)$/ },
] as const;
const errorsMaxChars = 4_000;

/** The newest that is here; undefined when a program of it is missing. */
export async function findPostgres(folders?: readonly string[]): Promise<Postgres | undefined> {
  const places = folders ?? [...(await packagedFolders()), ...(process.env['PATH'] ?? '').split(delimiter)];
  for (const folder of places) {
    // A cluster is made and served by programs of one version.
    const [initdb, postgres] = [join(folder, 'initdb'), join(folder, 'postgres')];
    if (!(await canRun(initdb)) || !(await canRun(postgres))) continue;
    for (const place of [folder, ...places]) {
      const psql = join(place, 'psql');
      if (await canRun(psql)) return { initdb, postgres, psql };
    }
  }
  return undefined;
}

/** Resolves when it takes connections. Throws SallyportError with what its programs said. */
export async function startPostgres(programs: Postgres): Promise<Database> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-postgres-'));
  try {
    const how = await surroundings(folder);
    const password = randomBytes(16).toString('hex');
    await initialize(programs, { folder, password, how });
    const port = await freePort();
    const server = spawn(programs.postgres, serverWords(dataOf(folder), port), {
      ...how,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const gone = exitOf(server);
    await untilReady(server, gone);
    return {
      port,
      query: (at, sql) => ask(programs.psql, { port: at, password, sql }),
      async stop() {
        // A fast shutdown: who is still connected is disconnected.
        server.kill('SIGINT');
        await gone;
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function dataOf(folder: string): string {
  return join(folder, 'data');
}

function serverWords(data: string, port: number): readonly string[] {
  const settings = ['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories=', 'fsync=off'];
  return ['-D', data, ...settings.flatMap((setting) => ['-c', setting])];
}

/** The folder is given to an account that is not root: PostgreSQL refuses to be root. */
async function surroundings(folder: string): Promise<SpawnOptions> {
  const env = { PATH: process.env['PATH'], LC_ALL: 'C' };
  if (process.getuid?.() !== 0) return { cwd: folder, env };
  const [, , uid, gid] =
    (await readFile('/etc/passwd', 'utf8'))
      .split('\n')
      .map((line) => line.split(':'))
      .find(([name]) => name === 'nobody') ?? [];
  if (uid === undefined || gid === undefined)
    throw new SallyportError('internal', 'there is no account "nobody" that PostgreSQL could run as');
  const account = { uid: Number(uid), gid: Number(gid) };
  await chown(folder, account.uid, account.gid);
  return { cwd: folder, env, ...account };
}

interface NewCluster {
  readonly folder: string;
  readonly password: string;
  readonly how: SpawnOptions;
}

async function initialize({ initdb }: Postgres, { folder, password, how }: NewCluster): Promise<void> {
  const secret = join(folder, 'password');
  await writeFile(secret, password, { mode: 0o600 });
  if (how.uid !== undefined && how.gid !== undefined) await chown(secret, how.uid, how.gid);
  const access = ['-U', superuser, '-A', 'scram-sha-256', `--pwfile=${secret}`];
  const child = spawn(initdb, ['-D', dataOf(folder), ...access, '--no-locale', '-E', 'UTF8', '--no-sync'], {
    ...how,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [errors, status] = await Promise.all([collect(child.stderr), exitOf(child)]);
  await rm(secret);
  if (status !== 0) throw failed('initdb', status, errors);
}

async function untilReady(server: ChildProcess, gone: Promise<number>): Promise<void> {
  let said = '';
  const ready = new Promise<void>((resolve) => {
    // Read to its end: a log that nobody reads would stop the server.
    server.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-errorsMaxChars);
      if (said.includes('ready to accept connections')) resolve();
    });
  });
  const died = gone.then((status) => {
    throw failed('postgres', status, said);
  });
  await Promise.race([ready, died]);
  // Its later end is no failure of the start.
  died.catch(() => undefined);
}

interface Question {
  readonly port: number;
  readonly password: string;
  readonly sql: string;
}

async function ask(psql: string, { port, password, sql }: Question): Promise<string> {
  const place = ['-h', '127.0.0.1', '-p', String(port), '-U', superuser, '-d', 'postgres'];
  const child = spawn(psql, ['-X', '-A', '-t', '--no-password', ...place, '-c', sql], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], LC_ALL: 'C', PGPASSWORD: password },
  });
  const [answer, errors, status] = await Promise.all([
    collect(child.stdout),
    collect(child.stderr),
    exitOf(child),
  ]);
  if (status !== 0) throw failed('psql', status, errors);
  return answer.trim();
}

async function packagedFolders(): Promise<readonly string[]> {
  const found: { readonly version: number; readonly folder: string }[] = [];
  for (const { base, isVersion } of versionFolders) {
    for (const name of await namesIn(base)) {
      const version = isVersion.exec(name)?.[1];
      if (version !== undefined) found.push({ version: Number(version), folder: join(base, name, 'bin') });
    }
  }
  return found.toSorted((one, two) => two.version - one.version).map(({ folder }) => folder);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch {
    // Not there, or not for us to look into: nothing is found there.
    return [];
  }
}

async function canRun(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function failed(program: string, status: number, said: string): SallyportError {
  return new SallyportError('internal', `${program} ended with ${status}: ${said.trim()}`);
}
