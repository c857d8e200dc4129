// Negative test R8: after a day with everything in it, what the product wrote is searched for what it must
// never write: tokens, private keys, and what was typed and shown in sessions.

import assert from 'node:assert/strict';
import { createPrivateKey, randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { Stage } from './stage.ts';

interface Written {
  readonly where: string;
  readonly bytes: Buffer;
}

suite('R8 secrets', () => {
  let stage: Stage;
  const tokens: string[] = [];
  const typed = randomBytes(12).toString('hex');
  /** What the command makes of it. */
  const shown = typed.replaceAll(/[a-f]/g, (letter) => 'uvwxyz'['abcdef'.indexOf(letter)] ?? '');

  before(async () => {
    stage = await Stage.open();
    const admin = await stage.startBroker();
    await stage.signInPeople(admin);
    await stage.joinDevice();
    await stage.startAgent();
    await stage.applyPolicy(
      `@id("all") permit (principal, action, resource) when { principal in Role::"operator" };`,
    );
    tokens.push(admin);
    for (const { stdout } of stage.programs) {
      const token = /sp2\.[dh]\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+/.exec(stdout)?.[0];
      if (token !== undefined && !tokens.includes(token)) tokens.push(token);
    }
  });
  after(async () => {
    await stage?.close();
  });

  test('a day: work that succeeds, that fails, that is refused and that is cut', async () => {
    // By standard input: a command's own words belong on the log, what flows through it does not.
    const script = 'read word; echo "$word" | tr a-f u-z; exec sleep 3607';
    const live = stage.start(['exec', stage.device, '--', 'sh', '-c', script], stage.surroundings('ana'));
    live.child.stdin.write(`${typed}\n`);
    await live.prints(new RegExp(shown));
    await stage.ana('exec', 'nowhere', '--', 'true');
    await stage.admin('exec', stage.device, '--', 'true');
    for (const token of tokens) {
      await stage.ana('login', stage.address, '--invite', token);
      const words = ['agent', 'join', stage.address, '--token', token, '--state', join(stage.folder, 'x')];
      await stage.run(words, stage.surroundings('device'));
    }
    await stage.admin('lock', 'add', '--device', stage.device, '--reason', 'enough');
    await live.exited;
    await stage.untilSession('ended by the lock', (session) => session.endReason === 'lock');
    await stage.admin('audit', 'search', '--limit', '1000', '--json');
    await stage.admin('sessions', 'ls', '--all', '--json');
    await stage.admin('doctor');
    await stage.agent?.end();
    await stage.broker?.end();
  });

  test('nothing of it is in anything that was written', async () => {
    const written = [...(await filesOf(stage)), ...outputsOf(stage)];
    const secrets = [
      ...tokens.flatMap((token) => [token, token.split('.')[2] ?? '']),
      ...(await privateKeys(stage)),
      typed,
      shown,
    ];
    assert.ok(tokens.length >= 3 && secrets.length > 10, `${secrets.length} secrets are looked for`);
    const found = secrets.flatMap((secret) =>
      written
        .filter(({ bytes }) => formsOf(secret).some((form) => bytes.includes(form)))
        .map(({ where }) => `"${secret.slice(0, 8)}…" is in ${where}`),
    );
    assert.deepEqual(found, []);
    // What is looked for was really there, where it belongs: the search would find it.
    assert.ok(stage.programs.some(({ words, stdout }) => words[0] === 'exec' && stdout.includes(shown)));
    assert.ok(stage.broker?.stdout.includes(tokens[0] ?? 'none'));
  });
});

const keyFile = /(?:^|\/)(?:keys\/[^/]+|key\.pem|device\.key)$/;

async function filesIn(folder: string): Promise<readonly Written[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  return await Promise.all(
    paths.map(async (path) => ({ where: relative(folder, path), bytes: await readFile(path) })),
  );
}

/** Everything on disk but the keys in the places that are made for them. */
async function filesOf(stage: Stage): Promise<readonly Written[]> {
  const written = (await filesIn(stage.folder)).filter(({ where }) => !keyFile.test(where));
  assert.ok(written.some(({ where }) => where.endsWith('store.db')));
  return written;
}

/** What was printed, but for a token by the command that hands it out, and a session in its own terminal. */
function outputsOf(stage: Stage): readonly Written[] {
  return stage.programs.map((program) => {
    const words = program.words.join(' ');
    const isMeantTo = /^(?:identities add|devices invite|broker run|exec \S+ -- sh )/.test(words);
    return {
      where: `the output of "${words.slice(0, 40)}"`,
      bytes: Buffer.from(isMeantTo ? program.stderr : program.output),
    };
  });
}

/** Each private key's secret number, base64url, and the lines of its PEM that hold it. */
async function privateKeys(stage: Stage): Promise<readonly string[]> {
  const files = (await filesIn(stage.folder)).filter(({ where }) => keyFile.test(where));
  const pems = files.flatMap(
    ({ bytes }) => bytes.toString().match(/-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/g) ?? [],
  );
  assert.ok(pems.length >= 6, `${pems.length} private keys`);
  return pems.flatMap((pem) => {
    const secret = createPrivateKey(pem).export({ format: 'jwk' }).d ?? '';
    return [secret, ...pem.split('\n').filter((line) => line.length >= 40 && !line.startsWith('-'))];
  });
}

/** As text, and as the bytes that the text stands for. */
function formsOf(secret: string): readonly Buffer[] {
  const text = Buffer.from(secret);
  const bytes = Buffer.from(secret, 'base64url');
  return bytes.length < 16 ? [text] : [text, bytes, Buffer.from(bytes.toString('hex'))];
}
