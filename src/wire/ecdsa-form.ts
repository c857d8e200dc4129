// The two forms of a P-256 signature: r and s side by side, 32 bytes each (IEEE P1363, what statements carry), and
// ASN.1 DER (RFC 3279, section 2.2.3, what OpenSSL makes). Node converts too, but only for a key in an options
// object, which it takes for a key, fails and tries again: that costs as much as the signature itself.

const half = 32;
const sequence = 0x30;
const integer = 0x02;

/** For a signature that OpenSSL made. Throws TypeError on anything else. */
export function p1363FromDer(der: Uint8Array): Buffer {
  const joined = Buffer.alloc(2 * half);
  let at = 2;
  for (const end of [half, 2 * half]) {
    const [tag, length = 0] = der.subarray(at, at + 2);
    // A leading zero keeps a number positive; what is shorter has leading zeros left out.
    const number = der.subarray(at + 2, at + 2 + length);
    const digits = number[0] === 0 ? number.subarray(1) : number;
    if (der[0] !== sequence || tag !== integer || number.length !== length || digits.length > half)
      throw new TypeError('not a P-256 signature in DER');
    joined.set(digits, end - digits.length);
    at += 2 + length;
  }
  return joined;
}

/** Of 64 bytes; whether they are a signature is for the verification to say. */
export function derFromP1363(joined: Uint8Array): Buffer {
  const numbers = [joined.subarray(0, half), joined.subarray(half)].map(derInteger);
  const body = Buffer.concat(numbers);
  return Buffer.concat([Buffer.of(sequence, body.length), body]);
}

function derInteger(digits: Uint8Array): Buffer {
  let start = 0;
  while (start < digits.length - 1 && digits[start] === 0) start += 1;
  const shortest = digits.subarray(start);
  const isNegative = ((shortest[0] ?? 0) & 0x80) !== 0;
  const sign = isNegative ? [0] : [];
  return Buffer.concat([Buffer.of(integer, shortest.length + sign.length, ...sign), shortest]);
}
