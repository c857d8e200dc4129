// Small GETs over keep-alive connections through a forward to a plain node:http server, one under way on
// each.

import type { HttpRequest, HttpResult } from '../load/http.ts';
import { median } from '../measure/statistics.ts';
import { withForwards } from './forwards.ts';
import { interleave, ratioTo, spread, summarise, type Measured, type Row } from './row.ts';

const connections = 32;
const rounds = 3;
const forMs = 5_000;
const quickForMs = 2_000;
const warmUpMs = 500;

export const httpRps: Row = {
  id: 'http-rps-32',
  unit: 'req/s',
  what: 'GETs answered through a forward, 32 keep-alive connections, median of three',
  reach: { words: '>= 0.85 of bare', of: ratioTo('bare'), isMet: (ratio) => ratio >= 0.85 },
  measure: (columns, { isQuick }) =>
    withForwards<HttpRequest, HttpResult, Measured>(
      { columns, target: 'http', load: 'http' },
      async (forwards) => {
        const request = { connections, warmUpMs, forMs: isQuick ? quickForMs : forMs };
        for (const column of columns) await forwards.warmUp(column, { ...request, forMs: 1_000 });
        const answered = new Map<string, number>();
        const samples = await interleave(columns, rounds, async (column) => {
          const { answers, answersInAll, ms } = await forwards.run(column, request);
          answered.set(column.name, (answered.get(column.name) ?? 0) + answersInAll);
          return answers / (ms / 1_000);
        });
        const { cpuSecondsPerUnit, rssMib } = forwards.spent((name) => (answered.get(name) ?? 0) / 1_000);
        return {
          values: summarise(samples, median),
          detail: {
            samples: spread(samples),
            cpuSecondsPerThousand: cpuSecondsPerUnit,
            rssMib,
            answered: Object.fromEntries(answered),
            ...request,
            rounds,
          },
        };
      },
    ),
};
