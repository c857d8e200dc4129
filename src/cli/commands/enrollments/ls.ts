// sallyport enrollments ls: tokens that may still be used.

import type { EnrollmentView } from '../../../api/enrollments.ts';
import { allPages, call } from '../../api.ts';
import type { CommonOptions } from '../../catalogue/spec.ts';
import { labelText } from '../../label.ts';
import { localTime } from '../../moment.ts';
import { printJson } from '../../output.ts';
import { loadSignIn } from '../../profile.ts';
import { printTable } from '../../table.ts';

export async function run(options: CommonOptions): Promise<number> {
  const me = loadSignIn(options, Date.now());
  const enrollments = await allPages((page) => call(me, 'GET /v1/enrollments', { query: page }));
  if (options.json === true) printJson(enrollments);
  else {
    printTable<EnrollmentView>(
      enrollments,
      [
        { title: 'ENROLLMENT', value: ({ id }) => id },
        { title: 'FOR', value: ({ kind, replaces }) => (replaces === undefined ? kind : 'new board') },
        { title: 'NAME', value: ({ name }) => name },
        { title: 'LEFT', value: ({ left, count }) => (count === 1 ? '' : `${left} of ${count}`) },
        { title: 'ACCEPTED', value: acceptText },
        { title: 'LABELS', value: ({ labels }) => labelText(labels ?? {}) },
        { title: 'BY', value: ({ createdBy }) => createdBy.name },
        { title: 'UNTIL', value: ({ expiresAt }) => localTime(expiresAt) },
      ],
      { empty: 'no token may be used' },
    );
  }
  return 0;
}

function acceptText({ count, accept }: EnrollmentView): string {
  if (count === 1) return '';
  if (accept === undefined) return 'by a person';
  return accept === 'all' ? 'all' : `from ${accept.join(', ')}`;
}
