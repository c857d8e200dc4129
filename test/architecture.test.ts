// The house rules that a compiler does not hold: who may import whom, how large a file may grow, and what
// the agent and the gate must never be able to reach (style.md, Layout; design section 9).

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..');

/** Folder -> folders of src/ it may import, beside itself. `main.ts` loads everything. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  wire: ['core'],
  api: ['core'],
  platform: [],
  link: ['wire', 'platform', 'core'],
  authority: ['core', 'wire', 'api', 'platform', 'link'],
  gate: ['core', 'wire', 'api', 'platform', 'link'],
  agent: ['core', 'wire', 'api', 'platform', 'link'],
  cli: ['core', 'wire', 'api', 'platform', 'link'],
  console: ['core', 'api'],
};

/** Files in cli that only start another part, in this process: the command is theirs, the work is not. */
const starters: Readonly<Record<string, readonly string[]>> = {
  'src/cli/commands/agent': ['agent'],
  'src/cli/commands/agent/approvers': ['agent'],
  'src/cli/commands/broker': ['authority', 'gate'],
};

/** Above this a file needs a reason in its header; none has one yet. */
const maxLines = 500;

interface Source {
  readonly path: string;
  readonly text: string;
  /** Local files, as paths from the root; packages by name. `import type` counts too. */
  readonly imports: readonly { readonly to: string; readonly isType: boolean }[];
}

function sourcesIn(folder: string): readonly Source[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => {
      const path = normalize(join(entry.parentPath, entry.name)).slice(root.length + 1);
      const text = readFileSync(join(root, path), 'utf8');
      return { path, text, imports: importsOf(path, text) };
    });
}

function importsOf(path: string, text: string): Source['imports'] {
  const found: { to: string; isType: boolean }[] = [];
  const statement =
    /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|import\(\s*'([^']+)'\s*\)/g;
  for (const match of text.matchAll(statement)) {
    const name = match[2] ?? match[3] ?? '';
    const to = name.startsWith('.') ? normalize(join(dirname(path), name)) : name;
    found.push({ to, isType: match[1] !== undefined });
  }
  return found;
}

const sources = sourcesIn('src');
const product = sources.filter((source) => !source.path.endsWith('.test.ts'));
const byPath = new Map(sources.map((source) => [source.path, source]));

function folderOf(path: string): string {
  return path.split('/')[1] ?? '';
}

/** What running `entry` can load, by imports that are not types; package names included. */
function closure(entries: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const queue = [...entries];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    for (const item of byPath.get(path)?.imports ?? []) if (!item.isType) queue.push(item.to);
  }
  return seen;
}

test('imports go one way', () => {
  const wrong: string[] = [];
  for (const source of product) {
    const from = folderOf(source.path);
    if (from === 'main.ts') continue;
    const may = new Set([from, ...(allowed[from] ?? []), ...(starters[dirname(source.path)] ?? [])]);
    for (const { to } of source.imports) {
      if (to.startsWith('src/') && !may.has(folderOf(to))) wrong.push(`${source.path} imports ${to}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('every folder of src is in the table', () => {
  const folders = new Set(
    product.map((source) => folderOf(source.path)).filter((name) => name !== 'main.ts'),
  );
  for (const folder of folders) assert.ok(folder in allowed, `src/${folder} has no row`);
});

test('core, wire and api import no package but zod, and only pure parts of node', () => {
  const pure = new Set(['node:crypto', 'node:net', 'node:tls', 'zod']);
  for (const source of product.filter(({ path }) => ['core', 'wire', 'api'].includes(folderOf(path)))) {
    for (const { to, isType } of source.imports) {
      if (isType || to.startsWith('src/')) continue;
      assert.ok(
        pure.has(to) && (folderOf(source.path) === 'api' || to !== 'zod'),
        `${source.path} imports ${to}`,
      );
    }
  }
});

for (const [part, forbidden] of [
  ['agent', /^(?:src\/(?:authority|gate)\/|@cedar|kysely|ssh2|fastify|zod|node:sqlite)/],
  ['gate', /^(?:src\/(?:authority|agent)\/|@cedar|kysely|fastify|zod|node:sqlite)/],
] as const) {
  test(`the ${part} cannot load ${forbidden.source}`, () => {
    const entries = product.filter(({ path }) => folderOf(path) === part).map(({ path }) => path);
    assert.ok(entries.length > 5);
    assert.deepEqual(
      [...closure(entries)].filter((path) => forbidden.test(path)),
      [],
    );
  });
}

test('the gate never imports a signing key', () => {
  const entries = product.filter(({ path }) => folderOf(path) === 'gate').map(({ path }) => path);
  for (const path of closure(entries)) assert.ok(!/authority-keys|signing-key/.test(path), path);
});

test(`no file is over ${maxLines} lines, and each opens with a comment`, () => {
  for (const { path, text } of product) {
    assert.ok(text.split('\n').length <= maxLines, `${path} is over ${maxLines} lines`);
    assert.ok(text.startsWith('//') || text.startsWith('#!'), `${path} does not say what it owns`);
  }
});

test('there is no barrel and no drawer for everything', () => {
  for (const { path } of product)
    assert.doesNotMatch(path, /(?:index|utils?|common|helpers?|managers?|misc)\.tsx?$/);
});

test('each rule fails when it is broken', () => {
  assert.deepEqual(
    importsOf(
      'src/core/a.ts',
      "import type { B } from '../gate/b.ts';\nimport 'x';\nawait import('./c.ts');",
    ),
    [
      { to: 'src/gate/b.ts', isType: true },
      { to: 'x', isType: false },
      { to: 'src/core/c.ts', isType: false },
    ],
  );
});
