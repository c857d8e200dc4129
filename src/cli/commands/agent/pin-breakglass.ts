// sallyport agent pin-breakglass NAME=KEY... --need N | --none | --of-broker

import { resolve } from 'node:path';
import { pinKeysOnSite } from '../../../agent/break-glass/by-owner.ts';
import { parseBreakGlassKeys, type BreakGlassKeys } from '../../../core/break-glass.ts';
import { SallyportError } from '../../../core/errors.ts';
import { readNamedKey } from '../../break-glass/named-key.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { confirm } from '../../confirm.ts';
import { print, printJson } from '../../output.ts';

interface Options extends CommonOptions {
  readonly keys: readonly string[];
  readonly need?: string;
  readonly none?: boolean;
  readonly ofBroker?: boolean;
  readonly yes?: boolean;
  readonly state?: string;
}

export async function run(options: Options): Promise<number> {
  const keys = readKeys(options);
  const question =
    keys === null
      ? 'leave it to the broker which offline keys open this device on site?'
      : `let any ${keys.need} of these ${keys.keys.length} keys open this device on site, whatever the broker says?`;
  await confirm(
    keys?.keys.length === 0 ? 'let no offline keys open this device on site?' : question,
    options,
  );
  await pinKeysOnSite(keys, { state: options.state === undefined ? undefined : resolve(options.state) });
  if (options.json === true) printJson(keys ?? { ofBroker: true });
  else if (keys === null) print("the broker's keys count, from the next renewal on");
  else if (keys.keys.length === 0) print('no offline keys open this device');
  else print(`${keys.need} of ${keys.keys.length} keys open this device on site from now on`);
  return 0;
}

/** Null: those of the broker. */
function readKeys({ keys, need, none, ofBroker }: Options): BreakGlassKeys | null {
  const ways = [keys.length > 0 || need !== undefined, none === true, ofBroker === true];
  if (ways.filter(Boolean).length !== 1) {
    throw new SallyportError('invalid', 'say which keys, or --none, or --of-broker', {
      next: 'sallyport agent pin-breakglass --help',
    });
  }
  if (ofBroker === true) return null;
  if (none === true) return { need: 0, keys: [] };
  const named = keys.map((typed) => readNamedKey(typed)).map(({ name, key }) => ({ name, spki: key }));
  const read = named.length === 0 ? undefined : parseBreakGlassKeys({ need: Number(need), keys: named });
  if (read !== undefined) return read;
  throw new SallyportError('invalid', 'these keys can never open anything together', {
    next: 'at least two keys, each once, as "sallyport breakglass key" printed them, and --need from 2 to how many there are',
  });
}
