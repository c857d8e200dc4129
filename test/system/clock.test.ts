// Clocks that are a day off, on either side: nothing works by accident, nothing is let in that should not
// be, and the words say that it is the clock. The broker's clock is shifted where TLS itself has to notice:
// its certificates are then dated by that clock, and people and devices judge them by the true one.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { type Ran, until } from './program.ts';
import { withClock } from './shifted-clock.ts';
import { Stage } from './stage.ts';

const dayMs = 24 * 60 * 60_000;

suite('a clock that is a day off', () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.ready();
  });
  after(async () => {
    await stage?.close();
  });

  async function anaAt(aheadMs: number, ...words: readonly string[]): Promise<Ran> {
    return await stage.run(words, withClock(stage.surroundings('ana'), aheadMs));
  }

  test("ahead at the operator: the sign-in looks over, and the words doubt the operator's clock", async () => {
    const ran = await anaAt(dayMs, 'exec', stage.device, '--', 'true');
    assert.equal(ran.code, 77);
    assert.match(ran.stderr, /the clock here says .*\n.*if the clock is wrong, set it/);
    const doctor = await anaAt(dayMs, 'doctor');
    assert.match(doctor.stdout, /clock +(?:1d|23h 59m)(?: \S+)? ahead of the broker\n +next: set the clock/);
  });

  test('behind at the operator: doctor says by how much', async () => {
    const doctor = await anaAt(-dayMs, 'doctor');
    assert.match(doctor.stdout, /clock +(?:1d|23h 59m) behind the broker\n +next: set the clock/);
  });

  for (const [where, aheadMs] of [
    ['ahead', dayMs],
    ['behind', -dayMs],
  ] as const) {
    test(`${where} on the device: it works by signed time, its own clock plays no part`, async () => {
      await stage.agent?.end();
      await until('the broker lost the link', async () => {
        const seen = (await stage.adminJson('devices', 'show', stage.device)) as { online: boolean };
        return !seen.online;
      });
      await stage.startAgent(withClock(stage.surroundings('device'), aheadMs));
      const ran = await stage.ana('exec', stage.device, '--', 'echo', 'served');
      assert.equal(ran.stdout, 'served\n', ran.stderr);
    });
  }
});

for (const [where, aheadMs, words] of [
  ['ahead', dayMs, /not valid yet: the clock here is behind, or the broker's(?: is)? ahead/],
  ['behind', -8 * dayMs, /has expired: the clock here is ahead, or the broker's is behind/],
] as const) {
  suite(`a broker whose clock is ${where}`, () => {
    let stage: Stage;
    let invite: string;
    before(async () => {
      stage = await Stage.open();
      invite = await stage.startBroker(withClock(stage.surroundings('broker'), aheadMs));
    });
    after(async () => {
      await stage?.close();
    });

    test('a person who signs in is told about the clocks', async () => {
      const ran = await stage.admin('login', stage.address, '--invite', invite);
      assert.equal(ran.code, 69, ran.stderr);
      assert.match(ran.stderr, words);
      assert.match(ran.stderr, /next: set the clock/);
    });

    test('a device that joins is told about the clocks', async () => {
      const token = invite.replace('sp2.h.', 'sp2.d.');
      const state = join(stage.folder, 'device');
      const ran = await stage.run(
        ['agent', 'join', stage.address, '--token', token, '--state', state],
        stage.surroundings('device'),
      );
      assert.equal(ran.code, 69, ran.stderr);
      assert.match(ran.stderr, words);
    });
  });
}
