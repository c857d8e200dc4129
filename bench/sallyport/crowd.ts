// A crowd of operators in one process, each session opened by the command line's own code over a
// connection of its own; then an administrator's lock on the identity, and when the last byte of each
// session came, all by one clock. Arguments: SALLYPORT_HOME of the administrator, those of whoever opens them in
// turn (with commas between), the name of whom the lock is on, the target, how many sessions, the command.

import { call } from '../../src/cli/api.ts';
import { openChannel } from '../../src/cli/channel/open-channel.ts';
import { loadSignIn, type SignIn } from '../../src/cli/profile.ts';
import { frameType, FrameDecoder } from '../../src/wire/frames.ts';
import { Crowd } from '../measure/crowd.ts';

const [adminHome = '', homes = '', name = '', target = '', count = '', ...argv] = process.argv.slice(2);

function signInOf(home: string): SignIn {
  process.env['SALLYPORT_HOME'] = home;
  return loadSignIn({}, Date.now());
}

const admin = signInOf(adminHome);
const openers = homes.split(',').map(signInOf);
let next = 0;
const crowd = new Crowd(Number(count));

await crowd.open(async (member) => {
  const me = openers[(next += 1) % openers.length];
  if (me === undefined) throw new Error('nobody opens them');
  const channel = await openChannel(me, {
    target,
    params: { kind: 'exec', argv, env: {} },
    forMs: undefined,
  });
  const decoder = new FrameDecoder([frameType.stdout, frameType.stderr, frameType.exit], (type) => {
    if (type === frameType.stdout) member.received();
  });
  channel.stream.listen({
    onData: (chunk) => decoder.push(chunk),
    onEnd: () => {
      member.ended();
      channel.close();
    },
  });
});
await crowd.cutWith(async () => {
  await call(admin, 'POST /v1/locks', { body: { kind: 'identity', subject: name, reason: 'the bench' } });
});
process.exit(0);
