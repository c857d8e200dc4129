import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, test } from 'node:test';
import { startFakeBroker } from './fake-broker.ts';
import { makeHome, runCli, signedIn } from './run-cli.ts';

const broker = await startFakeBroker();
const home = await signedIn(broker);
after(async () => {
  home.remove();
  await broker.close();
});
broker.routes.set('GET /v1/devices', () => ({
  items: [
    { name: 'pump-7', online: true },
    { name: 'pump-8', online: false },
    { name: 'vault', online: true },
  ],
}));

test('the bash script is bash, and completes commands through it', async () => {
  const { stdout: script } = await runCli(['completion', 'bash'], { home: home.path });
  execFileSync('bash', ['-n'], { input: script });
  // The function as bash would call it, with the program replaced by one that echoes its words.
  const seen = execFileSync(
    'bash',
    [
      '-c',
      `sallyport() { printf '%s\\tabout\\n' "$@"; }; ${script}
       COMP_WORDS=(sallyport sessions s); COMP_CWORD=2; _sallyport; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ],
    { encoding: 'utf8' },
  );
  assert.deepEqual(seen.trim().split('\n'), ['__complete', 'sessions', 's']);
});

test('zsh and fish get a script, another shell a list', async () => {
  for (const shell of ['zsh', 'fish']) {
    const ran = await runCli(['completion', shell], { home: home.path });
    assert.match(ran.stdout, /sallyport __complete/);
  }
  const ran = await runCli(['completion', 'csh'], { home: home.path });
  assert.equal(ran.status, 2);
  assert.match(ran.stderr, /shells are: bash, zsh, fish/);
});

test('targets come from the broker', async () => {
  const ran = await runCli(['__complete', 'exec', 'pu'], { home: home.path });
  assert.equal(ran.stdout, 'pump-7\tonline\npump-8\toffline\n');
});

test('where nobody is signed in completion is silent', async () => {
  const empty = makeHome();
  const ran = await runCli(['__complete', 'shell', ''], { home: empty.path });
  assert.deepEqual(ran, { status: 0, stdout: '', stderr: '' });
  empty.remove();
});
