// The console's colours keep the contrast of 4.5 : 1 that its style sheet promises, in both looks (WCAG 2.2, 1.4.3).

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

const css = await readFile(new URL('../src/console/style.css', import.meta.url), 'utf8');
const colours = new Map(
  [...css.matchAll(/--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);/g)].map(
    ([, name = '', light = '', dark = '']) => [name, { light, dark }] as const,
  ),
);

/** Relative luminance of "#rrggbb". */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.040_45 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

for (const look of ['light', 'dark'] as const) {
  test(`text on what lies behind it, ${look}`, () => {
    const of = (name: string): string => colours.get(name)?.[look] ?? assert.fail(name);
    for (const text of ['ink', 'quiet', 'main', 'good', 'warn', 'bad']) {
      for (const behind of ['ground', 'paper']) {
        const ratio = contrast(of(text), of(behind));
        assert.ok(ratio >= 4.5, `${text} on ${behind}: ${ratio.toFixed(2)}`);
      }
    }
    assert.ok(contrast(of('on-main'), of('main')) >= 4.5, 'the text of a button');
  });
}
