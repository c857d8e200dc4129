// The product as it is packed: broker, agent and people set up by its own commands, a policy applied, the
// audit log on.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandLine, descendants, endProcess, type Command } from '../measure/processes.ts';
import { freePort } from '../measure/port.ts';
import { firstLine, timed } from '../measure/run.ts';
import type { Column } from './column.ts';
import { packProduct } from './pack-product.ts';

const root = join(import.meta.dirname, '..', '..');
const product = join(root, 'bench', 'out', 'product');
const device = 'dev';
const operator = 'ana';
const onlineTries = 100;

const policy = `@id("bench")
@maxSession("1h")
permit (
  principal in Role::"operator",
  action in [Action::"discover", Action::"shell", Action::"exec", Action::"forward"],
  resource
);
`;

export async function startSallyport(parent: string): Promise<Column> {
  await packProduct(root, product);
  const folder = join(parent, 'sallyport');
  await mkdir(folder);
  const sallyport = (home: string, ...args: readonly string[]): Command => ({
    file: process.execPath,
    args: [join(product, 'bin', 'sallyport.js'), ...args],
    env: { SALLYPORT_HOME: join(folder, home) },
  });
  const admin = (...args: readonly string[]): Command => sallyport('admin', ...args);
  const json = async (command: Command): Promise<Readonly<Record<string, unknown>>> =>
    JSON.parse((await timed(command)).stdout) as Record<string, unknown>;

  const port = await freePort();
  const address = `localhost:${port}`;
  const data = join(folder, 'broker');
  const listen = `127.0.0.1:${port}`;
  const broker = await firstLine(
    admin('broker', 'run', '--data', data, '--listen', listen, '--name', 'localhost'),
    /--invite (\S+)[\s\S]*listening on/,
  );
  await timed(admin('login', address, '--invite', broker.found[1] ?? ''));
  const person = await json(admin('identities', 'add', operator, '--role', 'operator', '--json'));
  await timed(sallyport(operator, 'login', address, '--invite', String(person['token'])));

  const state = join(folder, 'device');
  const invited = await json(admin('devices', 'invite', device, '--owner', operator, '--json'));
  await timed(admin('agent', 'join', address, '--token', String(invited['token']), '--state', state));
  const agent = await firstLine(admin('agent', 'run', '--state', state), /\n/);
  for (let left = onlineTries; ; left -= 1) {
    if ((await json(admin('devices', 'show', device, '--json')))['online'] === true) break;
    if (left === 0) throw new Error(`"${device}" did not come online`);
  }
  const policyFile = join(folder, 'bench.cedar');
  await writeFile(policyFile, policy);
  await timed(admin('policy', 'apply', policyFile, '-m', 'the bench'));

  const parts = { ...brokerParts(broker.child.pid ?? 0), agent: agent.child.pid ?? 0 };
  const showShell = (): Command => sallyport(operator, 'shell', device);
  return {
    name: 'sallyport',
    exec: (argv) => sallyport(operator, 'exec', device, '--', ...argv),
    shell: showShell,
    linkShell: showShell,
    async forward(to) {
      const { child, found } = await firstLine(
        sallyport(operator, 'forward', device, '--to', `127.0.0.1:${to}`),
        /listening at \S+:(\d+) for/,
      );
      return {
        port: Number(found[1]),
        parts: { ...parts, operator: child.pid ?? 0 },
        close: () => endProcess(child),
      };
    },
    crowd: {
      command: (count, argv) => ({
        file: process.execPath,
        args: [
          join(import.meta.dirname, '..', 'sallyport', 'crowd.ts'),
          join(folder, 'admin'),
          join(folder, operator),
          operator,
          device,
          String(count),
          ...argv,
        ],
      }),
      async restore() {
        const locks = await timed(admin('locks', 'ls', '--json'));
        for (const { id } of JSON.parse(locks.stdout) as readonly { readonly id: string }[]) {
          await timed(admin('unlock', id));
        }
      },
    },
    parts,
    async close() {
      await endProcess(agent.child);
      await endProcess(broker.child);
    },
  };
}

/** `broker run` starts the two others. */
function brokerParts(broker: number): Readonly<Record<string, number>> {
  const parts: Record<string, number> = { broker };
  for (const pid of descendants(broker)) {
    const part = ['authority', 'gate'].find((name) => commandLine(pid).includes(name));
    if (part !== undefined) parts[part] = pid;
  }
  return parts;
}
