// The demo's forwards: a real web server and a real database "on the device" through a local port, and a
// destination that nobody granted.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { exitStatus } from '../../core/errors.ts';
import { findPostgres, startPostgres } from './postgres.ts';
import { exitOf, run, start } from './program.ts';
import { demoDevice, type Stage } from './stage.ts';
import { expect, type Skipped, type Step } from './step.ts';

const page = 'this page is on the device';
const day = 24 * 60 * 60_000;

export const forwardSteps: readonly Step[] = [
  { title: 'a web page through a forward', play: forwardToWeb },
  { title: 'psql through a forward', play: forwardToDatabase },
  {
    title: 'a destination that nothing grants',
    play: async ({ operator }) => {
      const ran = await run(['forward', demoDevice, '--to', '127.0.0.1:22', '--listen', '0'], operator);
      expect(ran.status === exitStatus.denied, `exit ${ran.status}: ${ran.stderr}`);
      return `denied (exit 77): ${ran.stderr.split('\n')[0] ?? ''}`;
    },
  },
];

async function forwardToWeb(stage: Stage): Promise<string> {
  const web = createServer((_request, response) => response.end(page));
  await new Promise<void>((resolve) => {
    web.listen(0, '127.0.0.1', resolve);
  });
  try {
    const { port } = web.address() as AddressInfo;
    return await throughForward(stage, { name: 'web', port }, async (listen) => {
      const startedAt = performance.now();
      const text = await (await fetch(`http://${listen}/`)).text();
      const ms = performance.now() - startedAt;
      expect(text === page, `the page was: ${text.slice(0, 200)}`);
      return `the page came through ${listen} in ${Math.round(ms)} ms; Ctrl-C closed it`;
    });
  } finally {
    web.close();
  }
}

async function forwardToDatabase(stage: Stage): Promise<string | Skipped> {
  const programs = await findPostgres();
  if (programs === undefined) return { skipped: 'no PostgreSQL on this machine' };
  const database = await startPostgres(programs);
  try {
    return await throughForward(stage, { name: 'db', port: database.port }, async (listen) => {
      const sql =
        "select current_setting('server_version'), count(*), sum(i) from generate_series(1, 1000) i";
      const [version = '', ...numbers] = (await database.query(Number(listen.split(':').at(-1)), sql)).split(
        '|',
      );
      expect(numbers.join() === '1000,500500', `psql printed ${version} and ${numbers.join()}`);
      return `psql had PostgreSQL ${version.split(' ')[0]} count and add 1000 rows through ${listen}`;
    });
  } finally {
    await database.stop();
  }
}

interface Service {
  readonly name: string;
  readonly port: number;
}

/** Adds the service to the device, forwards it, and closes the forward as Ctrl-C does. */
async function throughForward(
  stage: Stage,
  { name, port }: Service,
  use: (listen: string) => Promise<string>,
): Promise<string> {
  const review = new Date(Date.now() + 30 * day).toISOString().slice(0, 10);
  const service = `${demoDevice}/${name}`;
  const facts = ['--tcp', `127.0.0.1:${port}`, '--owner', 'ana', '--class', 'workload', '--review', review];
  const added = await run(['services', 'add', service, ...facts], stage.admin);
  expect(added.status === 0, added.stderr);
  const forward = start(['forward', service, '--listen', '0', '--json'], stage.operator);
  const ended = exitOf(forward);
  try {
    const seen = await use(await firstListen(forward));
    forward.kill('SIGINT');
    const status = await ended;
    expect(status === 0, `the forward ended with ${status}`);
    return seen;
  } finally {
    forward.kill('SIGINT');
  }
}

async function firstListen(forward: ReturnType<typeof start>): Promise<string> {
  expect(forward.stdout !== null, 'the forward has no output');
  for await (const line of createInterface({ input: forward.stdout })) {
    const event = JSON.parse(line) as { readonly event?: string; readonly listen?: string };
    if (event.event === 'listening' && event.listen !== undefined) return event.listen;
  }
  throw new Error('the forward ended before it listened');
}
