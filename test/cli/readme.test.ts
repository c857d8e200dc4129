// README, help and the catalogue say the same: the command table in the README is made from the catalogue,
// and this test fails with the right text when it is not.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { commands } from '../../src/cli/commands.ts';

const readme = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');

test('the README lists every command with the words of its help, and no other', () => {
  const rows = commands.map(({ path, summary }) => `| \`${path}\` | ${summary} |`);
  const table = ['| command | does |', '|---|---|', ...rows].join('\n');
  const between = /<!-- commands -->\n([\s\S]*?)\n?<!-- \/commands -->/.exec(readme)?.[1];
  assert.equal(between, table, `run "npm run readme": the table should be\n\n${table}\n`);
});

test('every command that the README types exists', () => {
  const typed = [...readme.matchAll(/^sallyport ((?:[a-z-]+)(?: [a-z-]+)?)/gm)].map(
    (match) => match[1] ?? '',
  );
  assert.ok(typed.length > 5);
  for (const words of typed) {
    assert.ok(
      commands.some(({ path }) => words === path || words.startsWith(`${path} `)),
      `README types "sallyport ${words}"`,
    );
  }
});
