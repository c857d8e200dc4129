// `sallyport cp` and `exec --where` as people use them: real broker, agents and command line. What comes
// back is what was sent, what nobody granted is not touched, and what a lock cuts leaves the old file.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { mountDisk, unmountDisk, whyNoDisk } from '../doubles/small-disk.ts';
import { treeOf } from '../doubles/tree.ts';
import { until } from './program.ts';
import { must, openFolder, Stage } from './stage.ts';

const noDisk = await whyNoDisk();

suite('files', () => {
  let stage: Stage;
  /** What the policy lets ana read and write, on the device. */
  let granted: string;
  let here: string;

  before(async () => {
    stage = await Stage.ready();
    granted = await openFolder(stage, 'granted');
    here = await openFolder(stage, 'here');
    await stage.applyPolicy(`
@id("operators-see")
permit (principal in Role::"operator", action == Action::"discover", resource);

@id("operators-copy")
@maxSession("1h")
@idle("10m")
permit (principal in Role::"operator", action in [Action::"upload", Action::"download"], resource)
when { context has path && (context.path == "${granted}" || context.path like "${granted}/*") };

@id("operators-exec")
@maxSession("1h")
permit (principal in Role::"operator", action == Action::"exec", resource);
`);
  });
  after(async () => {
    await stage?.close();
  });

  function there(name: string): string {
    return `${stage.device}:${join(granted, name)}`;
  }

  async function hashOf(path: string): Promise<string> {
    return createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  }

  test('a tree goes up and comes back the same, and the log has both', async () => {
    const fw = join(here, 'fw');
    await mkdir(join(fw, 'sub'), { recursive: true });
    await writeFile(join(fw, 'image.bin'), randomBytes(20 * 1024 * 1024));
    for (let at = 0; at < 200; at += 1) await writeFile(join(fw, 'sub', `part ${at}`), `content ${at}`);
    await symlink('image.bin', join(fw, 'link'));
    await utimes(join(fw, 'image.bin'), 1_600_000_000, 1_600_000_000);
    const up = await stage.ana('cp', '-r', fw, there('fw'));
    assert.equal(up.code, 0, up.stderr);
    assert.equal(up.stderr, `sallyport: left out "${fw}/link": a symbolic link\n`);
    const down = await stage.ana('cp', '--json', '-r', there('fw'), join(here, 'back'));
    assert.equal(down.code, 0, down.stderr);
    assert.equal(down.stdout.trim().split('\n').length, 201);
    assert.equal(await hashOf(join(here, 'back/image.bin')), await hashOf(join(fw, 'image.bin')));
    assert.equal((await stat(join(here, 'back/image.bin'))).mtimeMs, 1_600_000_000_000);
    assert.equal(await readFile(join(here, 'back/sub/part 199'), 'utf8'), 'content 199');
    await stage.untilSession('ended by itself', ({ endReason }) => endReason === 'exit');
  });

  test('names with newlines, names that are no UTF-8, empty files and holes come through all of it', async () => {
    const odd = join(here, 'odd');
    await mkdir(join(odd, 'line\nfeed'), { recursive: true });
    await writeFile(join(odd, 'line\nfeed', 'a\nb'), 'newline');
    await writeFile(Buffer.concat([Buffer.from(`${odd}/`), Buffer.from([0x62, 0xff, 0xe9])]), 'bytes');
    await writeFile(join(odd, 'nothing'), '');
    await writeFile(join(odd, 'sparse'), 'head');
    await truncate(join(odd, 'sparse'), 64 * 1024 * 1024);
    must(await stage.ana('cp', '-r', odd, there('odd')), ['cp']);
    must(await stage.ana('cp', '-r', there('odd'), join(here, 'odd-back')), ['cp']);
    for (const copy of [join(granted, 'odd'), join(here, 'odd-back')]) {
      assert.deepEqual(treeOf(copy, { times: true }), treeOf(odd, { times: true }));
      assert.ok((await stat(join(copy, 'sparse'))).blocks * 512 < 1024 * 1024, copy);
    }
  });

  test('a disk that is full on either side is said, and the old file stays', { skip: noDisk }, async () => {
    const large = randomBytes(8 * 1024 * 1024);
    for (const folder of [here, granted]) await writeFile(join(folder, 'large'), large);
    const small = { here: join(here, 'small'), there: join(granted, 'small') };
    for (const [folder, from, to] of [
      [small.there, join(here, 'large'), there('small/large')],
      [small.here, there('large'), join(small.here, 'large')],
    ] as const) {
      await mkdir(folder);
      await mountDisk(folder, { mib: 4 });
      try {
        await writeFile(join(folder, 'large'), 'old');
        const full = await stage.ana('cp', from, to);
        assert.equal(full.code, 1, full.stderr);
        assert.match(full.stderr, /no space/i, to);
        assert.deepEqual(await readdir(folder), ['large'], to);
        assert.equal(await readFile(join(folder, 'large'), 'utf8'), 'old', to);
      } finally {
        await unmountDisk(folder);
      }
    }
  });

  test('a pattern on the device is matched below a granted path', async () => {
    for (const name of ['a.log', 'b.log', 'c.txt']) await writeFile(join(granted, name), name);
    await mkdir(join(here, 'logs'));
    must(await stage.ana('cp', there('*.log'), `${join(here, 'logs')}/`), ['cp']);
    assert.deepEqual((await readdir(join(here, 'logs'))).sort(), ['a.log', 'b.log']);
  });

  test('a path that nothing grants is denied with 77, and nothing is there afterwards', async () => {
    await writeFile(join(here, 'x'), 'x');
    const outside = join(stage.folder, 'outside');
    const up = await stage.ana('cp', join(here, 'x'), `${stage.device}:${outside}`);
    assert.equal(up.code, 77, up.stderr);
    assert.equal(up.stdout, '');
    await assert.rejects(stat(outside), { code: 'ENOENT' });
    const down = await stage.ana('cp', `${stage.device}:/etc/hostname`, join(here, 'hostname'));
    assert.equal(down.code, 77, down.stderr);
    await assert.rejects(stat(join(here, 'hostname')), { code: 'ENOENT' });
  });

  test('S5 a link out of a granted path leads nowhere', async () => {
    await symlink('/etc', join(granted, 'etc'));
    const matched = await stage.ana('cp', there('e*/hostname'), join(here, 'stolen'));
    assert.equal(matched.code, 1, matched.stderr);
    await assert.rejects(stat(join(here, 'stolen')), { code: 'ENOENT' });
    must(await stage.ana('cp', '-r', `${stage.device}:${granted}`, join(here, 'all')), ['cp']);
    assert.ok(!(await readdir(join(here, 'all'))).includes('etc'));
  });

  test('a lock in the middle of a copy leaves the old file, and a resume finishes it', async () => {
    const big = join(here, 'big');
    await writeFile(big, randomBytes(1024 * 1024));
    // Large enough to be under way for as long as a lock takes; its end is a hole and costs no disk.
    await writeFile(join(granted, 'big'), 'old');
    await truncate(big, 3 * 1024 ** 3);
    const words = ['cp', big, there('big')];
    const copying = stage.start(words, stage.surroundings('ana'));
    await until('a part is on the device', async () =>
      (await readdir(granted)).includes('.big.sallyport-part'),
    );
    must(await stage.admin('lock', 'add', '--device', stage.device, '--reason', 'stolen'), ['lock', 'add']);
    const cut = await copying.finished();
    assert.equal(cut.code, 255, cut.stderr);
    assert.match(cut.stderr, /session ended: a lock was placed: .*stolen/);
    assert.equal(await readFile(join(granted, 'big'), 'utf8'), 'old');
    const [lock] = (await stage.adminJson('locks', 'ls')) as readonly { readonly id: string }[];
    must(await stage.admin('unlock', lock?.id ?? ''), ['unlock']);
    await stage.untilOnline();
    await truncate(big, 2 * 1024 * 1024);
    const resumed = await stage.ana('cp', '--resume', big, there('big'));
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.equal(await hashOf(join(granted, 'big')), await hashOf(big));
    assert.ok(!(await readdir(granted)).includes('.big.sallyport-part'));
  });

  test('exec --where acts on the devices with the label, and tells the one that is away', async () => {
    const away = `${stage.device}-away`;
    await stage.joinDevice(away);
    await stage.joinDevice(`${stage.device}-nice`, 'nice');
    const asked = await stage.ana('exec', '--where', 'site=lyon', '--', 'echo', 'hello');
    assert.equal(asked.code, 2, asked.stderr);
    const ran = await stage.ana('exec', '--where', 'site=lyon', '--yes', '--', 'echo', 'hello');
    assert.equal(ran.code, 1, ran.stderr);
    assert.equal(ran.stdout, `${stage.device.padEnd(away.length)}  hello\n`);
    assert.match(ran.stderr, /2 devices: 1 ok, 1 offline\noffline: \S+-away\n$/);
    const one = await stage.ana('exec', '--where', 'site=lyon', '--yes', '--json', '--', 'false');
    const outcomes = one.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly device: string; readonly status: string });
    assert.deepEqual(
      outcomes.map(({ device, status }) => `${device} ${status}`).sort(),
      [`${stage.device} failed`, `${away} offline`].sort(),
    );
  });
});
