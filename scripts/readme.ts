// `npm run readme`: writes the README's table of commands from the catalogue. test/cli/readme.test.ts fails
// while the two differ.

import { readFileSync, writeFileSync } from 'node:fs';
import { commands } from '../src/cli/commands.ts';

const rows = commands.map(({ path, summary }) => `| \`${path}\` | ${summary} |`);
const table = ['| command | does |', '|---|---|', ...rows].join('\n');
const text = readFileSync('README.md', 'utf8');
const marked = /<!-- commands -->[\s\S]*?<!-- \/commands -->/;
writeFileSync('README.md', text.replace(marked, `<!-- commands -->\n${table}\n<!-- /commands -->`));
