// sallyport devices accept DEVICE, or all that are pending, narrowed by label.

import type { DeviceView } from '../../../api/nouns.ts';
import { describeHold } from '../../../core/device.ts';
import { exitStatus, SallyportError } from '../../../core/errors.ts';
import { printable } from '../../../core/printable.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { confirm } from '../../confirm.ts';
import { labelFlags } from '../../label.ts';
import { counted, print, printJson } from '../../output.ts';
import { loadSignIn, type SignIn } from '../../profile.ts';
import { asSallyportError } from '../../report.ts';

interface Options extends CommonOptions {
  readonly device?: string;
  readonly pending?: boolean;
  readonly where?: readonly string[];
  readonly yes?: boolean;
}

const listedMax = 20;

export async function run(options: Options): Promise<number> {
  const isMany = options.pending === true || options.where !== undefined;
  if (isMany === (options.device !== undefined)) {
    throw new SallyportError('invalid', 'one device is accepted by its name, many with --pending', {
      next: 'sallyport devices accept pump-7, or: sallyport devices accept --pending --where site=lyon',
    });
  }
  const me = loadSignIn(options, Date.now());
  return options.device === undefined
    ? await acceptMany(me, options)
    : await acceptOne(me, options.device, options);
}

async function acceptOne(me: SignIn, nameOrId: string, options: Options): Promise<number> {
  const before = await call(me, 'GET /v1/devices/:id', { params: { id: nameOrId } });
  const name = printable(before.name);
  if (before.hold === undefined) print(`the device "${name}" needs no acceptance`);
  else {
    const why = describeHold(before.hold);
    await confirm(`"${name}" ${why}; accept it, so that policy decides who may reach it?`, options);
  }
  const device = await accept(me, before.id);
  if (options.json === true) printJson(device);
  else if (before.hold !== undefined) print(`the device "${name}" is accepted`);
  return exitStatus.done;
}

/** What is in quarantine is looked at one by one. */
async function acceptMany(me: SignIn, options: Options): Promise<number> {
  const where = options.where ?? [];
  labelFlags(where);
  const pending = await allPages((page) =>
    call(me, 'GET /v1/devices', { query: { ...page, hold: 'pending', where: [...where] } }),
  );
  if (pending.length > 0) await ask(pending, options);
  const accepted: DeviceView[] = [];
  const failed: string[] = [];
  for (const { id, name } of pending) {
    try {
      accepted.push(await accept(me, id));
    } catch (error) {
      failed.push(`${printable(name)}: ${asSallyportError(error).message}`);
    }
    if (process.stderr.isTTY)
      process.stderr.write(`\r${accepted.length + failed.length} of ${pending.length}`);
  }
  if (process.stderr.isTTY && pending.length > 0) process.stderr.write('\r\x1b[K');
  if (options.json === true) printJson(accepted);
  else print(`${counted(accepted.length, 'device')} accepted`);
  for (const line of failed) process.stderr.write(`${line}\n`);
  return failed.length === 0 ? exitStatus.done : exitStatus.failed;
}

async function ask(pending: readonly DeviceView[], options: Options): Promise<void> {
  if (options.yes !== true) {
    const listed = pending.slice(0, listedMax).map(({ name }) => `  ${printable(name)}`);
    const more = pending.length > listedMax ? [`  and ${pending.length - listedMax} more`] : [];
    process.stderr.write(`${[...listed, ...more].join('\n')}\n`);
  }
  await confirm(`accept ${counted(pending.length, 'pending device')}?`, options);
}

async function accept(me: SignIn, id: string): Promise<DeviceView> {
  return await call(me, 'POST /v1/devices/:id/accept', { params: { id } });
}
