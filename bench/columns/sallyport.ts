// The product as it is packed: broker, agent and people set up by its own commands, a policy applied, the
// audit log on.

import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandLine, descendants, endProcess, type Command } from '../measure/processes.ts';
import { freePort } from '../measure/port.ts';
import { firstLine, timed } from '../measure/run.ts';
import type { Column } from './column.ts';
import { packProduct } from './pack-product.ts';
import { json, startDevice } from './sallyport-device.ts';

const root = join(import.meta.dirname, '..', '..');
const product = join(root, 'bench', 'out', 'product');
const device = 'dev';
const operator = 'ana';

const policy = `@id("bench")
@maxSession("1h")
permit (
  principal in Role::"operator",
  action in [
    Action::"discover", Action::"shell", Action::"exec",
    Action::"forward", Action::"upload", Action::"download"
  ],
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

  const parts = brokerParts(broker.child.pid ?? 0);
  const start = (name: string, at: string): ReturnType<typeof startDevice> =>
    startDevice({
      name,
      address: at,
      folder,
      operator,
      asAdmin: admin,
      asOperator: (...args) => sallyport(operator, ...args),
      parts,
    });
  const own = await start(device, address);
  const policyFile = join(folder, 'bench.cedar');
  await writeFile(policyFile, policy);
  await timed(admin('policy', 'apply', policyFile, '-m', 'the bench'));

  const crowdOf = (homes: readonly string[], count: number, argv: readonly string[]): Command => ({
    file: process.execPath,
    args: [
      join(import.meta.dirname, '..', 'sallyport', 'crowd.ts'),
      join(folder, 'admin'),
      homes.map((home) => join(folder, home)).join(','),
      operator,
      device,
      String(count),
      ...argv,
    ],
  });
  const machines: string[] = [];
  const addMachines = async (count: number): Promise<void> => {
    const key = join(folder, 'machine.key');
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    await writeFile(key, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    await writeFile(`${key}.pub`, publicKey.export({ type: 'spki', format: 'pem' }));
    const owned = ['--kind', 'machine', '--owner', operator, '--purpose', 'bench', '--for', '1d'];
    for (let number = 1; number <= count; number += 1) {
      const name = `machine-${number}`;
      const role = ['--role', 'operator', '--key', `${key}.pub`];
      const { line } = await json(admin('identities', 'add', name, ...owned, ...role, '--json'));
      const [, fingerprint = ''] = /--root (\S+)/.exec(String(line)) ?? [];
      const login = ['login', address, '--workload', name, '--root', fingerprint, '--key', key];
      await timed(sallyport(name, ...login));
      machines.push(name);
    }
  };

  let added = 0;
  const showShell = (): Command => sallyport(operator, 'shell', device);
  return {
    name: 'sallyport',
    exec: (argv) => sallyport(operator, 'exec', device, '--', ...argv),
    shell: showShell,
    linkShell: showShell,
    copy: ({ way, from, to, isRecursive }) =>
      sallyport(
        operator,
        'cp',
        ...(isRecursive ? ['-r'] : []),
        ...(way === 'up' ? [from, `${device}:${to}`] : [`${device}:${from}`, to]),
      ),
    forward: (to) => own.forward(to),
    linkPort: port,
    addDevice: (at) => {
      added += 1;
      return start(`${device}-${added}`, `localhost:${at}`);
    },
    crowd: {
      command: (count, argv) => crowdOf([operator], count, argv),
      machines: {
        add: addMachines,
        command: (count, argv) => crowdOf(machines, count, argv),
      },
      async restore() {
        const locks = await timed(admin('locks', 'ls', '--json'));
        for (const { id } of JSON.parse(locks.stdout) as readonly { readonly id: string }[]) {
          await timed(admin('unlock', id));
        }
      },
    },
    parts: own.parts,
    async close() {
      await own.close();
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
