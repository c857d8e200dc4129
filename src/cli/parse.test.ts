import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SallyportError } from '../core/errors.ts';
import type { CommandSpec } from './catalogue/spec.ts';
import { parseOptions, usage } from './parse.ts';

const load: CommandSpec['load'] = () => Promise.reject(new Error('never loaded here'));
const exec: CommandSpec = {
  path: 'exec',
  summary: '',
  args: [{ name: 'target' }],
  rest: 'CMD…',
  flags: [{ name: 'tty', short: 't', summary: '' }],
  examples: [],
  load,
};
const invite: CommandSpec = {
  path: 'devices invite',
  summary: '',
  args: [{ name: 'name' }, { name: 'more', many: true, optional: true }],
  flags: [
    { name: 'label', value: 'LABEL', many: true, summary: '' },
    { name: 'run-dir', value: 'DIR', required: true, summary: '' },
  ],
  examples: [],
  load,
};

function refusal(spec: CommandSpec, ...args: readonly string[]): string {
  try {
    parseOptions(spec, args);
  } catch (error) {
    if (error instanceof SallyportError && error.code === 'invalid') return error.message;
    throw error;
  }
  return 'accepted';
}

test('flags may stand before and after the target; what follows "--" is the command, flags and all', () => {
  for (const args of [
    ['-t', 'dev', '--', 'ls', '--json', '--'],
    ['dev', '-t', '--', 'ls', '--json', '--'],
  ]) {
    assert.deepEqual(parseOptions(exec, args), {
      kind: 'run',
      options: { target: 'dev', command: ['ls', '--json', '--'], tty: true },
    });
  }
});

test('a command without "--" is refused: its flags could be taken for ours', () => {
  assert.equal(refusal(exec, 'dev', 'ls'), '"ls" stands before "--"');
  assert.equal(refusal(exec, 'dev'), 'the command to run is missing');
  assert.equal(refusal(exec, 'dev', '--'), 'the command to run is missing');
});

test('a flag that repeats gives a list, another one given twice is refused', () => {
  assert.deepEqual(
    parseOptions(invite, ['x', '--label', 'a=1', '--label=b=2', '--run-dir', '/r', 'y', 'z']),
    {
      kind: 'run',
      options: { name: 'x', more: ['y', 'z'], label: ['a=1', 'b=2'], runDir: '/r' },
    },
  );
  assert.equal(refusal(invite, 'x', '--run-dir', '/a', '--run-dir', '/b'), '"--run-dir" is given 2 times');
});

test('a value that looks like a flag is a forgotten one, unless it is written with "="', () => {
  for (const next of ['--json', '--jsno', '--broker=x', '-y', '--'])
    assert.equal(refusal(invite, 'x', '--run-dir', next), '"--run-dir" needs a value', next);
  assert.equal(refusal(invite, 'x', '--run-dir'), '"--run-dir" needs a value');
  const parsed = parseOptions(invite, ['x', '--run-dir=-d']);
  assert.equal(parsed.kind === 'run' && parsed.options['runDir'], '-d');
});

test('one fingerprint in 64 begins with "-", and is pasted as it is', () => {
  for (const value of [
    '-cso7eUIKZvw5YQJPti_eXTw_Idn_9VX6l3pT_UJcNo',
    '--so7eUIKZvw5YQJPti_eXTw_Idn_9VX6l3pT_UJcN8',
    '-1',
  ]) {
    const parsed = parseOptions(invite, ['x', '--run-dir', value, '--json']);
    assert.deepEqual(parsed.kind === 'run' && [parsed.options['runDir'], parsed.options['json']], [
      value,
      true,
    ]);
  }
});

test('what is missing, empty, unknown or too much is named', () => {
  assert.equal(refusal(exec, '--', 'ls'), 'TARGET is missing');
  assert.equal(refusal(exec, '', '--', 'ls'), 'TARGET is empty');
  assert.equal(refusal(invite, 'x'), '"--run-dir" is missing');
  assert.equal(refusal(exec, 'dev', '--tyt', '--', 'ls'), 'unknown flag "--tyt"');
  assert.equal(refusal(exec, 'dev', '-x', '--', 'ls'), 'unknown flag "-x"');
  assert.equal(refusal(exec, 'dev', '--tty=yes', '--', 'ls'), '"--tty" takes no value');
});

test('names from the prototype are no flags', () => {
  assert.equal(refusal(exec, 'dev', '--__proto__', '--', 'ls'), 'unknown flag "--__proto__"');
  assert.equal(refusal(exec, 'dev', '--constructor', '--', 'ls'), 'unknown flag "--constructor"');
});

test('--help wins over whatever is wrong besides, but not behind "--"', () => {
  assert.deepEqual(parseOptions(exec, ['--help']), { kind: 'help' });
  assert.equal(parseOptions(exec, ['dev', '--', 'ls', '--help']).kind, 'run');
});

test('usage names what must be there', () => {
  assert.equal(usage(exec), 'sallyport exec TARGET [flags] -- CMD…');
  assert.equal(usage(invite), 'sallyport devices invite NAME [MORE…] --run-dir DIR [flags]');
});
