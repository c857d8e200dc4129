// sallyport logout: the sign-in ends at the broker first, then the key is forgotten here. Where the broker
// cannot be reached the key goes all the same, and that is said.

import { SallyportError } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import { call } from '../api.ts';
import type { CommonOptions } from '../catalogue/spec.ts';
import { print, printJson } from '../output.ts';
import { chosenBroker, forgetSignIn, readSignIn } from '../profile.ts';

/** A broker that does not answer must not keep a key on this machine. */
const endTimeoutMs = 5_000;

export async function run(options: CommonOptions): Promise<number> {
  const broker = chosenBroker(options.broker);
  const me = broker === undefined ? undefined : readSignIn(broker);
  if (broker === undefined || me === undefined) {
    throw new SallyportError('unauthenticated', 'you are not signed in, so there is nothing to end');
  }
  const isEnded = await endAtBroker();
  await forgetSignIn(broker);
  if (options.json === true) printJson({ broker, endedAtBroker: isEnded });
  else print(`signed out of "${broker}"; the key is gone from this machine`);
  return 0;

  async function endAtBroker(): Promise<boolean> {
    if (me === undefined) return false;
    try {
      await call(me, 'POST /v1/sign-in/end', {}, { timeoutMs: endTimeoutMs });
      return true;
    } catch (error) {
      if (!(error instanceof SallyportError)) throw error;
      process.stderr.write(
        `sallyport: the broker was not told (${printable(error.message)}); ` +
          `its certificate for "${me.name}" ends at ${new Date(me.notAfter).toISOString()}\n`,
      );
      return false;
    }
  }
}
