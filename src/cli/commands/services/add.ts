// sallyport services add DEVICE/SERVICE: adds it, or reviews one that is there.

import { SallyportError } from '../../../core/errors.ts';
import { serviceClasses, type ServiceClass } from '../../../core/service.ts';
import { printable } from '../../../core/printable.ts';
import { parseTarget } from '../../../core/target.ts';
import { parseHostPort } from '../../../core/broker-config.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';

interface Options extends CommonOptions {
  readonly service: string;
  readonly tcp: string;
  readonly owner: string;
  readonly class: string;
  readonly review: string;
  readonly purpose?: string;
}

export async function run(options: Options): Promise<number> {
  const target = parseTarget(options.service);
  if (target?.service === undefined)
    throw invalid(
      `"${printable(options.service)}" names no service`,
      'write DEVICE/SERVICE, for example pump-7/db',
    );
  const destination = parseHostPort(options.tcp);
  if (destination === undefined)
    throw invalid(
      `"${printable(options.tcp)}" is not HOST:PORT`,
      'write where the device reaches it, like 127.0.0.1:5432',
    );
  const me = loadSignIn(options, Date.now());
  const service = await call(me, 'POST /v1/services', {
    body: {
      device: target.device,
      name: target.service,
      ...destination,
      class: classOf(options.class),
      owner: options.owner,
      reviewBy: dayOf(options.review),
      ...(options.purpose === undefined ? {} : { purpose: options.purpose }),
    },
  });
  if (options.json === true) printJson(service);
  else {
    print(
      `"${service.target}" is ${service.host}:${service.port} on the device, class ${service.class}, reviewed until ${service.reviewBy.slice(0, 10)}`,
    );
    print(`next: grant "forward" on it in a policy, then: sallyport forward ${service.target}`);
  }
  return 0;
}

function classOf(text: string): ServiceClass {
  const found = serviceClasses.find((known) => known === text);
  if (found !== undefined) return found;
  throw invalid(`"${printable(text)}" is not a class`, `classes are: ${serviceClasses.join(', ')}`);
}

/** A day counts to its end, in UTC. */
function dayOf(text: string): string {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T23:59:59Z`) : Number.NaN;
  if (Number.isNaN(at)) throw invalid(`"${printable(text)}" is not a day`, 'write it like 2027-05-01');
  return new Date(at).toISOString();
}

function invalid(message: string, next: string): SallyportError {
  return new SallyportError('invalid', message, { next });
}
