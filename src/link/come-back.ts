// The opaque data of a GOAWAY: {"comeBackMinMs":a,"comeBackMaxMs":b}, "come back between a and b".
// Anything else, or too long, counts as nothing said. The receiver bounds the numbers itself.

import { boundComeBack, type ComeBack } from '../core/backoff.ts';
import { parseJsonObject } from '../core/json.ts';
import { whole } from '../wire/fields.ts';

const maxBytes = 256;

export function encodeComeBack(comeBack: ComeBack): Buffer {
  const { minMs, maxMs } = comeBack;
  return Buffer.from(JSON.stringify({ comeBackMinMs: minMs, comeBackMaxMs: maxMs }));
}

export function decodeComeBack(opaque: Uint8Array | undefined): ComeBack | undefined {
  if (opaque === undefined || opaque.length === 0 || opaque.length > maxBytes) return undefined;
  const fields = parseJsonObject(Buffer.from(opaque).toString('utf8')) ?? {};
  const minMs = whole(fields, 'comeBackMinMs');
  const maxMs = whole(fields, 'comeBackMaxMs');
  return minMs === undefined || maxMs === undefined ? undefined : boundComeBack({ minMs, maxMs });
}
