// sallyport policy test CASES

import type { TestResult } from '../../../api/policy.ts';
import { exitStatus } from '../../../core/errors.ts';
import { call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { print, printJson } from '../../output.ts';
import { readPolicyFiles, readText } from '../../policy-files.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

interface Options extends CommonOptions {
  readonly cases: string;
  readonly files?: readonly string[];
}

export async function run(options: Options): Promise<number> {
  const cases = await readText(options.cases);
  const files = options.files === undefined ? {} : { files: await readPolicyFiles(options.files) };
  const me = loadSignIn(options, Date.now());
  const result = await call(me, 'POST /v1/policies/test', { body: { cases, ...files } });
  if (options.json === true) printJson(result);
  else {
    printTable<TestResult['rows'][number]>(
      result.rows,
      [
        { title: '', value: (row) => (row.ok ? 'ok' : 'FAILED'), tone: (row) => (row.ok ? 'good' : 'bad') },
        { title: 'CASE', value: (row) => row.name },
        { title: 'EXPECTED', value: (row) => row.expected },
        { title: 'GOT', value: (row) => row.got },
        { title: 'BY', value: (row) => row.policies.join(', ') },
        { title: 'WHY', value: (row) => row.why },
      ],
      { empty: 'no cases' },
    );
    print(`${result.passed} passed, ${result.failed} failed`);
  }
  return result.failed === 0 ? exitStatus.done : exitStatus.failed;
}
