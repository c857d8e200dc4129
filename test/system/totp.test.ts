// An authenticator app in a real terminal: it is added by what the command shows, and a session asks for its code.

import { test } from 'node:test';
import { Secret, TOTP } from 'otpauth';
import { entry } from './program.ts';
import { Stage } from './stage.ts';
import { Terminal, whyNoTerminal } from './terminal.ts';

const policy = `
@id("see") permit (principal in Role::"operator", action == Action::"discover", resource);

@id("by-code") @mfa("session") @mfaBy("totp")
permit (principal in Role::"operator", action in [Action::"exec", Action::"shell"], resource);
`;

test('an app is added by its secret, and a session opens with the code that it shows', async (t) => {
  const why = await whyNoTerminal();
  if (why !== undefined) return t.skip(why);
  const stage = await Stage.ready();
  try {
    await stage.applyPolicy(policy);
    const { env } = stage.surroundings('ana');
    const terminal = await Terminal.open({ folder: stage.folder, cols: 160, rows: 30, env: { ...env } });
    try {
      const sallyport = `'${process.execPath}' '${entry}'`;
      await terminal.enters(`${sallyport} totp add`);
      const [, shown = ''] = await terminal.shows(/^((?:[A-Z2-7]{4} ){7}[A-Z2-7]{4})$/m);
      const app = new TOTP({ secret: Secret.fromBase32(shown.replaceAll(' ', '')) });
      await terminal.shows(/code that it shows now:/);
      await terminal.enters(app.generate());
      await terminal.shows(/added: policies with @mfaBy\("totp"\) take its codes/);
      // The code of this half minute is used up: the next one is taken early.
      const next = app.generate({ timestamp: Date.now() + 30_000 });
      await terminal.enters(`${sallyport} exec ${stage.device} -- echo in-$((40 + 2))`);
      await terminal.shows(/a code of your authenticator app is asked for\s+code:/);
      await terminal.enters(next);
      await terminal.shows(/^in-42$/m);
    } finally {
      await terminal.close();
    }
  } finally {
    await stage.close();
  }
});
