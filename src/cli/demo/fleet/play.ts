// `sallyport demo --script --story fleet`: fifty devices from one token, and what happens to a fleet in years.

import { line, playSteps, type Say } from '../step.ts';
import { awaySteps } from './away-steps.ts';
import { StoryStage } from '../story-stage.ts';
import { fleetPolicy } from './fleet.ts';
import { fleetSteps } from './steps.ts';

export async function playFleet(say: Say): Promise<number> {
  const startedAt = performance.now();
  const stage = await StoryStage.open();
  try {
    await stage.signIn(await stage.startBroker(stage.admin, true));
    await stage.applyPolicy(fleetPolicy);
    say(line('ok', 'broker, an administrator, and ana, an operator', performance.now() - startedAt));
    return await playSteps([...fleetSteps, ...awaySteps], stage, { say, startedAt });
  } finally {
    await stage.close();
  }
}
