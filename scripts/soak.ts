// `npm run soak -- [--minutes N] [--agents N] [--seed TEXT]`: the long soak (test/soak/soak.ts), with a line
// for each settled moment and the whole report at the end, as JSON.

import { parseArgs } from 'node:util';
import { soak } from '../test/soak/soak.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    agents: { type: 'string', default: '500' },
    seed: { type: 'string', default: String(Date.now()) },
  },
});
console.log(`seed ${values.seed}`);
const report = await soak({
  agents: Number(values.agents),
  crowds: 10,
  durationMs: Number(values.minutes) * 60_000,
  checks: 10,
  seed: values.seed,
  onProgress: (line) => console.log(line),
});
console.log(JSON.stringify(report, null, 2));
