// A device that comes back after ninety days. The past is made by libfaketime, where it is installed: a broker of
// its own, its people and the device live there first, and then it is today.

import { atAnotherTime, noFaketime } from '../faketime.ts';
import { run, start, type Surroundings } from '../program.ts';
import { must, mustJson } from '../stage.ts';
import { expect, type Skipped, type Step } from '../step.ts';
import { StoryStage } from '../story-stage.ts';
import { fleetPolicy } from './fleet.ts';

const daysAway = 90;
const device = 'winter-1';

export const awaySteps: readonly Step<StoryStage>[] = [
  { title: `a device is back after ${daysAway} days`, play: async () => await comeBack() },
];

async function comeBack(): Promise<string | Skipped> {
  if (noFaketime !== false) return { skipped: noFaketime };
  const stage = await StoryStage.open();
  const then = (who: Surroundings): Surroundings => atAnotherTime(who, -daysAway);
  try {
    const invite = await stage.startBroker(then(stage.admin), true);
    await must(run(['login', stage.address, '--invite', invite], then(stage.admin)));
    const { token } = await mustJson(run(['devices', 'invite', device, '--json'], then(stage.admin)));
    const state = stage.stateOf(device);
    const join = ['agent', 'join', stage.address, '--token', String(token), '--state', state];
    await must(run(join, then(stage.admin)));
    await stage.endBroker();

    await stage.startBroker();
    const again = await mustJson(
      run(['broker', 'invite', 'admin', '--data', stage.dataDir, '--json'], stage.admin),
    );
    await stage.signIn(String(again['token']));
    await stage.applyPolicy(fleetPolicy);
    stage.keep(start(['agent', 'run', '--state', state], stage.admin));
    await stage.untilLinked(1);
    const refused = await run(['exec', device, '--', 'true'], stage.operator);
    expect((await stage.show(device)).hold?.why === 'long_absent', 'it is not in quarantine');
    expect(refused.status === 75, `exit ${refused.status}: ${refused.stderr}`);
    await must(run(['devices', 'accept', device, '--yes'], stage.admin));
    const ran = await run(['exec', device, '--', 'true'], stage.operator);
    expect(ran.status === 0, ran.stderr);
    return 'it recovered by its key and had its link; no session (exit 75) until it was accepted';
  } finally {
    await stage.close();
  }
}
