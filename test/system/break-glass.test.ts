// Break-glass with the real command line: keys on files, a sealed request that is signed away from the broker, one
// command on the device, the alarm, and the review (S-11).

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { Ran } from './program.ts';
import { must, Stage } from './stage.ts';

suite('break-glass', () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.ready();
    await stage.applyPolicy('permit (principal in Role::"auditor", action == Action::"discover", resource);');
  });
  after(async () => {
    await stage?.close();
  });

  async function ana(...words: readonly string[]): Promise<Ran> {
    return await stage.run(words, stage.surroundings('ana'));
  }

  test('S-11 I18 nobody is there to approve: two keys open one command, and everybody is told', async () => {
    const exec = ['exec', stage.device, '--', 'echo', 'in'];
    assert.equal((await ana(...exec)).code, 69, 'policy lets her know of nothing');
    const files = ['ops', 'plant', 'safety'].map((name) => join(stage.folder, `${name}.pem`));
    const keys: string[] = [];
    for (const file of files) {
      const made = must(await ana('breakglass', 'key', file, '--json'), ['breakglass', 'key']);
      keys.push((JSON.parse(made) as { readonly key: string }).key);
    }
    const again = await ana('breakglass', 'key', files[0] ?? '');
    assert.match(again.stderr, /there is a file .* already/);
    const named = keys.map((key, n) => `key-${n}=${key}`);
    must(await stage.admin('breakglass', 'set', ...named, '--need', '2', '--yes'), ['breakglass', 'set']);

    const file = join(stage.folder, 'request.json');
    const asked = await ana(
      'breakglass',
      'request',
      stage.device,
      '--for',
      '5m',
      '--reason',
      'gas',
      '--to',
      file,
    );
    must(asked, ['breakglass', 'request']);
    const sign = async (key = '') => await ana('breakglass', 'sign', file, '--key', key, '--yes');
    must(await sign(files[0]), ['breakglass', 'sign']);
    must(await sign(files[0]), ['breakglass', 'sign']);
    const early = await ana('breakglass', 'open', file);
    assert.equal(early.code, 77);
    assert.match(early.stderr, /1 of the offline keys signed it, and it takes 2/);
    const shown = must(await sign(files[2]), ['breakglass', 'sign']);
    assert.match(shown, /who +ana \(idn_\S+\)\non +\S+\nfor +5m, once\nreason +gas\n/);
    const opened = must(await ana('breakglass', 'open', file), ['breakglass', 'open']);
    assert.match(opened, /open, by the keys of key-0 and key-2; everybody is told/);

    assert.equal((await ana(...exec)).stdout, 'in\n');
    assert.equal((await ana(...exec)).code, 69, 'once');
    assert.equal((await ana('breakglass', 'open', file)).code, 77, 'and so is the sealed request');
    assert.match((await ana('whoami')).stdout, /alarm +break-glass was used by ana at /);

    const [use] = (await stage.adminJson('breakglass', 'ls')) as readonly { readonly id: string }[];
    must(await stage.admin('breakglass', 'review', use?.id ?? '', '--review', 'valve closed'), ['review']);
    assert.doesNotMatch((await ana('whoami')).stdout, /alarm/);
    assert.match((await stage.admin('breakglass', 'ls')).stdout, /by admin/);
    must(await stage.admin('audit', 'verify'), ['audit', 'verify']);
  });
});
