// What the broker says of itself to strangers: the time there, and the versions that it speaks. Pure.

import { formatDuration } from '../../core/duration.ts';
import { limits } from '../../core/limits.ts';
import { parseJsonObject } from '../../core/json.ts';
import { printable } from '../../core/printable.ts';
import { bad, good, type Verdict } from './check.ts';

export interface ClockFacts {
  /** How far the clock here is ahead, ms; undefined where the broker did not say what time it is. */
  readonly skewMs: number | undefined;
  /** What the dates of its certificates are by the clock here; undefined: good. */
  readonly dates: 'expired' | 'not_yet_valid' | undefined;
}

/** Below it nobody needs to do anything. */
const skewWorthWordsMs = 30_000;
const setClock = 'set the clock here ("timedatectl set-ntp true"), or the broker’s if it is that one';

export function judgeClock({ skewMs, dates }: ClockFacts): Verdict {
  if (skewMs === undefined) return bad('the broker does not say what time it is there', 'check its version');
  const isSame = Math.abs(skewMs) < skewWorthWordsMs;
  const how = `${formatDuration(Math.abs(skewMs))} ${skewMs > 0 ? 'ahead of' : 'behind'} the broker`;
  if (dates !== undefined) {
    const isExpired = dates === 'expired';
    if (isSame)
      return bad(
        `agrees with the broker, whose own certificate ${isExpired ? 'has expired' : 'is not valid yet'}`,
        'restart the broker: it renews its certificate when it starts',
      );
    const looks = isExpired ? 'looks expired' : 'looks not valid yet';
    return bad(`${how}: from here its certificate ${looks}, so neither joining nor a link works`, setClock);
  }
  if (isSame) return good(skewMs === 0 ? 'agrees with the broker' : `${how}, which harms nothing`);
  const corrected = `${how}; the agent goes by the broker's signed time`;
  // Certificates start a minute in the past: one that was renewed just now is not valid yet from here.
  return skewMs < -limits.certificateBackdateMs
    ? good(
        corrected,
        `${setClock}: for ${formatDuration(-skewMs)} after the broker renewed a certificate, no link comes up`,
      )
    : good(corrected, setClock);
}

export interface VersionFacts {
  /** The body of GET /v1/trust. */
  readonly text: string;
  readonly status: number;
  readonly ownVersion: string;
  readonly ownWire: readonly number[];
}

export function judgeVersion({ text, status, ownVersion, ownWire }: VersionFacts): Verdict {
  const fields = parseJsonObject(text) ?? {};
  const { wireVersions, version } = fields;
  const theirs = Array.isArray(wireVersions) ? wireVersions.filter((one) => typeof one === 'number') : [];
  if (status !== 200 || theirs.length === 0 || typeof version !== 'string')
    return bad(
      `what answers does not say which versions it speaks (status ${status})`,
      'check that this is a broker',
    );
  const said = `the broker is ${printable(version, 40)} and speaks wire ${theirs.join(', ')}; here it is ${ownVersion}, wire ${ownWire.join(', ')}`;
  return theirs.some((one) => ownWire.includes(one))
    ? good(said)
    : bad(said, 'bring broker and agent to versions that are at most one apart');
}
