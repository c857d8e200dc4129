// the issuing CA turns over while a link and a session stay; certificates of before are taken until they
// end, and everything new comes from the new one, also after a restart.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { X509Certificate } from 'node:crypto';
import { until } from './program.ts';
import { must, Stage } from './stage.ts';

suite('another issuing CA', () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.ready();
  });
  after(async () => {
    await stage?.close();
  });

  function issuerOf(device: string): string {
    const { certificate } = JSON.parse(readFileSync(join(stage.stateDir(device), 'state.json'), 'utf8')) as {
      readonly certificate: string;
    };
    const chain = certificate.split(/(?<=-----END CERTIFICATE-----)\s*/).filter((pem) => pem !== '');
    return new X509Certificate(chain[1] ?? '').serialNumber.toLowerCase();
  }

  test('R-027 link and session stay, old certificates go on, new ones come from it', async () => {
    const stream = stage.start(
      ['exec', stage.device, '--', 'sh', '-c', 'while :; do echo tick; sleep 0.05; done'],
      stage.surroundings('ana'),
    );
    await stream.prints(/tick/);
    const [live] = (await stage.sessions()).filter((session) => session.live);
    const words = ['broker', 'rotate', 'issuing', '--data', stage.dataDir, '--json'];
    const rotated = JSON.parse(must(await stage.run(words, stage.surroundings('broker')), words)) as {
      readonly serial: string;
      readonly oldSerial: string;
      readonly keysetVersion: number;
    };
    assert.equal(rotated.keysetVersion, 2);
    const seen = stream.stdout.length;
    await until('the stream goes on', () => stream.stdout.length > seen + 200);
    assert.ok((await stage.sessions()).find(({ id }) => id === live?.id)?.live);

    await stage.joinDevice('newcomer');
    assert.deepEqual([issuerOf(stage.device), issuerOf('newcomer')], [rotated.oldSerial, rotated.serial]);
    stage.start(['agent', 'run', '--state', stage.stateDir('newcomer')], stage.surroundings('device'));
    await stage.untilOnline('newcomer');
    await stream.end();

    // The old certificate on a new link, before and after a restart of the broker.
    await stage.agent?.end();
    await stage.startAgent();
    await stage.broker?.end();
    await stage.startBroker();
    await stage.untilOnline();
    await stage.untilOnline('newcomer');
    for (const device of [stage.device, 'newcomer']) {
      const ran = await stage.ana('exec', device, '--', 'echo', 'served');
      assert.equal(ran.stdout, 'served\n', ran.stderr);
    }
    assert.equal((await stage.events('--type', 'ca.rotated')).length, 1);
    must(await stage.admin('audit', 'verify'), ['audit', 'verify']);
  });
});
