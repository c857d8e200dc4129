// Where a forward may go (negative tests L9, L10): one spelling for each destination, and the addresses that
// no policy opens, because they stand for somebody else than they name: the device's own loopback unless it
// was asked for, a cloud's metadata service, a link, a group, everybody. Pure, and held to node's own idea of
// an address by its tests; names are resolved by the agent, which asks here about every answer.

export interface IpAddress {
  readonly family: 4 | 6;
  /** The one spelling (RFC 5952 for IPv6). An IPv4 address in an IPv6 coat is that IPv4 address. */
  readonly text: string;
  readonly bytes: readonly number[];
}

export type Host =
  | { readonly form: 'address'; readonly address: IpAddress }
  | { readonly form: 'name'; readonly name: string }
  | { readonly form: 'refused'; readonly why: string };

const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** How inet_aton, and so getaddrinfo, would still take a name for an address: 127.1, 0x7f.1, 017700000001. */
const numericLabel = /^(?:[0-9]+|0x[0-9a-f]*)$/;
const nameMaxLength = 253;

/** A host as asked for, in its one spelling, or why it is none. Lower case only. */
export function readHost(text: string): Host {
  const address = parseIp(text);
  if (address !== undefined) {
    return address.text === text
      ? { form: 'address', address }
      : refused(`the address has one spelling, "${address.text}"`);
  }
  const labels = text.split('.');
  if (text.length > nameMaxLength || !labels.every((part) => label.test(part)))
    return refused('it is neither an address nor a name in lower case');
  // "10.0.0.1.evil" is a name like any other; what ends in a number is an address to some program (WHATWG).
  if (numericLabel.test(labels.at(-1) ?? '')) return refused('it is an address in a spelling of its own');
  return { form: 'name', name: text };
}

function refused(why: string): Host {
  return { form: 'refused', why };
}

/** Undefined for everything that is not an address; a zone ("%eth0") makes it none. */
export function parseIp(text: string): IpAddress | undefined {
  const four = parseIpv4(text);
  if (four !== undefined) return ipv4(four);
  const groups = text.length <= 45 && text.includes(':') ? parseIpv6(text) : undefined;
  if (groups === undefined) return undefined;
  const bytes = groups.flatMap((group) => [group >> 8, group & 0xff]);
  if (startsWith(bytes, mappedPrefix)) return ipv4(bytes.slice(12));
  return { family: 6, text: spellIpv6(groups), bytes };
}

function ipv4(bytes: readonly number[]): IpAddress {
  return { family: 4, text: bytes.join('.'), bytes };
}

function parseIpv4(text: string): readonly number[] | undefined {
  const parts = text.split('.');
  // No leading zero: "010" is eight to some and ten to others.
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part))) return undefined;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

const groupCount = 8;

function parseIpv6(text: string): readonly number[] | undefined {
  const halves = text.split('::');
  const [head, tail] = halves.map((half, at) => parseGroups(half, at === halves.length - 1));
  if (head === undefined || halves.length > 2) return undefined;
  if (halves.length === 1) return head.length === groupCount ? head : undefined;
  if (tail === undefined) return undefined;
  const missing = groupCount - head.length - tail.length;
  return missing >= 1 ? [...head, ...zeros(missing), ...tail] : undefined;
}

/** One side of a "::", or all. Only the very end may be written as IPv4. */
function parseGroups(text: string, isEnd: boolean): readonly number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [at, part] of parts.entries()) {
    const four = isEnd && at === parts.length - 1 ? parseIpv4(part) : undefined;
    if (four !== undefined) {
      const [a = 0, b = 0, c = 0, d = 0] = four;
      groups.push((a << 8) | b, (c << 8) | d);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}

/** RFC 5952: no leading zeros, the first longest run of two or more zero groups is "::". */
function spellIpv6(groups: readonly number[]): string {
  let best = { from: 0, length: 0 };
  for (let from = 0; from < groupCount; from += 1) {
    let length = 0;
    while (groups[from + length] === 0) length += 1;
    if (length > best.length) best = { from, length };
  }
  const spell = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (best.length < 2) return spell(groups);
  return `${spell(groups.slice(0, best.from))}::${spell(groups.slice(best.from + best.length))}`;
}

interface Range {
  readonly prefix: readonly number[];
  /** Bits of the prefix that count. */
  readonly bits: number;
  readonly what: string;
}

const range = (prefix: readonly number[], bits: number, what: string): Range => ({ prefix, bits, what });
const zeros = (count: number): readonly number[] => Array.from({ length: count }, () => 0);
const mappedPrefix: readonly number[] = [...zeros(10), 0xff, 0xff];

const metadata = 'the metadata service of a cloud';
const refusedRanges4: readonly Range[] = [
  range([0], 8, 'an address of nobody'),
  range([169, 254, 169, 254], 32, metadata),
  range([169, 254], 16, 'a link-local address'),
  range([100, 100, 100, 200], 32, metadata),
  range([168, 63, 129, 16], 32, metadata),
  range([192, 0, 0, 192], 32, metadata),
  range([224], 4, 'a multicast address'),
  range([255, 255, 255, 255], 32, 'the broadcast address'),
  range([240], 4, 'a reserved address'),
];
const refusedRanges6: readonly Range[] = [
  range(zeros(16), 128, 'an address of nobody'),
  range([0xfe, 0x80], 10, 'a link-local address'),
  range([0xff], 8, 'a multicast address'),
  range([0xfd, 0, 0x0e, 0xc2, ...zeros(10), 0x02, 0x54], 128, metadata),
  range([0xfd, 0x20, 0, 0xce, ...zeros(10), 0x02, 0x54], 128, metadata),
];
/** IPv6 addresses that carry an IPv4 one, which is what a gateway behind them dials: prefix, and its place. */
const carriers: readonly { readonly range: Range; readonly at: number }[] = [
  { range: range([0, 0x64, 0xff, 0x9b, ...zeros(8)], 96, 'NAT64'), at: 12 },
  { range: range([0x20, 0x02], 16, '6to4'), at: 2 },
  { range: range(zeros(12), 96, 'IPv4-compatible'), at: 12 },
  { range: range([...zeros(8), 0xff, 0xff], 96, 'IPv4-translated'), at: 12 },
];

export function isLoopback(address: IpAddress): boolean {
  return address.family === 4 ? address.bytes[0] === 127 : address.text === '::1';
}

/** What stands against dialling this address; undefined: nothing here does. Loopback is another question. */
export function refusalOf(address: IpAddress): string | undefined {
  const ranges = address.family === 4 ? refusedRanges4 : refusedRanges6;
  const found = ranges.find((one) => contains(one, address.bytes));
  if (found !== undefined) return found.what;
  if (address.family === 4 || isLoopback(address)) return undefined;
  const carrier = carriers.find((one) => contains(one.range, address.bytes));
  if (carrier === undefined) return undefined;
  const carried = ipv4(address.bytes.slice(carrier.at, carrier.at + 4));
  return refusalOf(carried) ?? (isLoopback(carried) ? 'a loopback address' : undefined);
}

/** `localhost` and what ends in it is this machine by RFC 6761; only the bare name is taken at its word. */
export function isLocalhost(name: string): boolean {
  return name === 'localhost';
}

function contains({ prefix, bits }: Pick<Range, 'prefix' | 'bits'>, bytes: readonly number[]): boolean {
  const whole = bits >> 3;
  if (!startsWith(bytes, prefix.slice(0, whole))) return false;
  const rest = bits & 7;
  if (rest === 0) return true;
  const mask = (0xff << (8 - rest)) & 0xff;
  return ((bytes[whole] ?? 0) & mask) === ((prefix[whole] ?? 0) & mask);
}

function startsWith(bytes: readonly number[], prefix: readonly number[]): boolean {
  return prefix.every((byte, at) => bytes[at] === byte);
}

/** Addresses that begin alike. */
export interface Network {
  readonly family: 4 | 6;
  readonly prefix: readonly number[];
  readonly bits: number;
}

/** "10.0.0.0/8", "fd00::/8"; undefined for anything else. */
export function parseNetwork(text: string): Network | undefined {
  const match = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(text);
  const address = parseIp(match?.[1] ?? '');
  const bits = Number(match?.[2]);
  if (address === undefined || bits > address.bytes.length * 8) return undefined;
  return { family: address.family, prefix: address.bytes, bits };
}

export function isWithin(address: IpAddress, network: Network): boolean {
  return address.family === network.family && contains(network, address.bytes);
}

/** "192.0.2.7:443", "[2001:db8::7]:443". */
export function formatPeer(address: IpAddress, port: number): string {
  return address.family === 6 ? `[${address.text}]:${port}` : `${address.text}:${port}`;
}

const peerPattern = /^(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9a-f:]{2,39}\]):[0-9]{1,5}$/;

/** Whether a text from a peer has that form. */
export function isPeer(text: unknown): text is string {
  return typeof text === 'string' && peerPattern.test(text);
}
