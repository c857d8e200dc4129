// Devices whose clocks are dead, and one that was away for a winter: the whole machine shows another time, so
// that TLS itself is deceived.

import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { atAnotherTime, noFaketime } from '../../src/cli/demo/faketime.ts';
import { until, type Surroundings } from './program.ts';
import { must, sitePolicy, Stage } from './stage.ts';

suite('a device whose clock is a year off', { skip: noFaketime }, () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.ready();
  });
  after(async () => {
    await stage?.close();
  });

  for (const days of [-365, 365]) {
    test(`${days} days: it has its link and serves by signed time, and says that its clock is wrong`, async () => {
      await stage.agent?.end();
      const agent = await stage.startAgent(atAnotherTime(stage.surroundings('device'), days));
      const ran = await stage.ana('exec', stage.device, '--', 'echo', 'served');
      assert.equal(ran.stdout, 'served\n', ran.stderr);
      await agent.prints(/the clock here is wrong/);
      // Its receipts leave too, by the api.
      await stage.untilSession('has its receipt', ({ teardown }) => teardown === 'confirmed');
    });
  }
});

suite('S-13 a device that was away for 91 days', { skip: noFaketime }, () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open();
  });
  after(async () => {
    await stage?.close();
  });

  const then = (place: 'broker' | 'device' | 'admin'): Surroundings =>
    atAnotherTime(stage.surroundings(place), -91);

  test('it comes back by itself, is seen, and does nothing until a person accepts it', async () => {
    const invite = await stage.startBroker(then('broker'));
    must(await stage.run(['login', stage.address, '--invite', invite], then('admin')), ['login']);
    const words = ['devices', 'invite', stage.device, '--label', 'site=lyon', '--json'];
    const { token } = JSON.parse(must(await stage.run(words, then('admin')), words)) as { token: string };
    const join = ['agent', 'join', stage.address, '--token', token, '--state', stage.stateDir()];
    must(await stage.run(join, then('device')), join);
    await stage.broker?.end();

    await stage.startBroker();
    const local = ['broker', 'invite', 'admin', '--data', stage.dataDir];
    const [again = ''] =
      /sp2\.h\.\S+/.exec(must(await stage.run(local, stage.surroundings('broker')), local)) ?? [];
    await stage.signInPeople(again);
    await stage.applyPolicy(sitePolicy);
    await stage.startAgent();
    const refused = await stage.ana('exec', stage.device, '--', 'true');
    assert.equal(refused.code, 75, refused.stderr);
    assert.match(refused.stderr, /in quarantine: it was away for long/);
    const seen = (await stage.adminJson('devices', 'show', stage.device)) as { hold?: { why: string } };
    assert.equal(seen.hold?.why, 'long_absent');
    const [recovered] = await stage.events('--type', 'credential.recovered');
    const absentDays = Number(recovered?.body?.['absentMs']) / (24 * 60 * 60_000);
    assert.ok(absentDays > 90 && absentDays < 92, `${absentDays} days`);

    must(await stage.admin('devices', 'accept', stage.device, '--yes'), ['devices', 'accept']);
    await until('it serves', async () => (await stage.ana('exec', stage.device, '--', 'true')).code === 0);
    must(await stage.admin('audit', 'verify'), ['audit', 'verify']);
  });
});
