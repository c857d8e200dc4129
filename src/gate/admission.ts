// Who may stand in the front door without having shown who he is: a bound on such connections in all and
// from one address (negative test L2). From one address, one too many is turned away; in all, the newcomer
// is let in and the oldest goes, so that peers who stall on purpose, from however many addresses, cannot
// keep the door shut: an honest handshake takes milliseconds and is never the oldest for long.

/** One connection's place. Giving it up twice is the same as once. */
export interface Place {
  readonly address: string;
  /** The connection showed a good certificate, or is gone. */
  release(): void;
}

export interface AdmissionBounds {
  readonly unauthenticatedConnectionsMax: number;
  readonly unauthenticatedConnectionsPerAddressMax: number;
}

interface Standing {
  readonly group: string;
  readonly turnAway: () => void;
}

export class Admission {
  readonly #bounds: AdmissionBounds;
  /** In the order of coming. */
  readonly #standing = new Set<Standing>();
  readonly #perGroup = new Map<string, number>();

  constructor(bounds: AdmissionBounds) {
    this.#bounds = bounds;
  }

  get count(): number {
    return this.#standing.size;
  }

  /** A place, or undefined when this address has too many. `turnAway` is called when the place is lost. */
  admit(address: string, turnAway: () => void): Place | undefined {
    const group = addressGroup(address);
    const fromGroup = this.#perGroup.get(group) ?? 0;
    if (fromGroup >= this.#bounds.unauthenticatedConnectionsPerAddressMax) return undefined;
    const [oldest] = this.#standing;
    if (oldest !== undefined && this.#standing.size >= this.#bounds.unauthenticatedConnectionsMax) {
      this.#release(oldest);
      oldest.turnAway();
    }
    const standing: Standing = { group, turnAway };
    this.#standing.add(standing);
    this.#perGroup.set(group, (this.#perGroup.get(group) ?? 0) + 1);
    return { address, release: () => this.#release(standing) };
  }

  #release(standing: Standing): void {
    if (!this.#standing.delete(standing)) return;
    const left = (this.#perGroup.get(standing.group) ?? 1) - 1;
    if (left === 0) this.#perGroup.delete(standing.group);
    else this.#perGroup.set(standing.group, left);
  }
}

/** An IPv4 address stands for itself; of IPv6, one customer has a whole /64. */
export function addressGroup(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::', 2);
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0');
  const [a = '0', b = '0', c = '0', d = '0'] = [...left, ...zeros, ...right];
  return `${a}:${b}:${c}:${d}::/64`;
}

/** Dual-stack sockets show IPv4 peers in IPv6 clothes: the same peer has one name. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  return mapped?.[1] ?? address;
}
