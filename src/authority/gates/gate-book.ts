// The gates that are connected, the links they carry, and the way orders reach them. All of it is
// presence: nothing here is stored, and a restarted authority learns it anew from its gates.
//
// INVARIANT: a device has at most one live link, the one with the highest linkEpoch.

import type { LinkEnd } from '../../core/device.ts';
import type { Order } from '../../wire/control.ts';
import type { DeviceId, LinkId, SessionId } from '../../core/ids.ts';

export interface LiveLink {
  readonly id: LinkId;
  readonly tenant: string;
  readonly device: DeviceId;
  readonly deviceName: string;
  readonly gate: string;
  readonly linkNonce: string;
  readonly linkEpoch: number;
  readonly agentVersion: string;
  readonly linkedAt: number;
  /** Sessions that leases of this link list. Owned by live-sessions.ts. */
  readonly sessions: Set<SessionId>;
  /** Sequence number of the newest lease; see sessions/leases.ts. */
  leaseSeq: number;
}

/** Takes one order. A gate that no longer reads is given up by ending its stream, here and there. */
export type OrderSink = (order: Order) => void;

/** What a gate said at its registration that it carries: ids as it named them. */
export interface GateClaim {
  readonly links: readonly string[];
  readonly sessions: readonly string[];
}

const emptyClaim: GateClaim = { links: [], sessions: [] };

export class GateBook {
  readonly #gates = new Map<string, OrderSink>();
  readonly #claims = new Map<string, GateClaim>();
  readonly #links = new Map<LinkId, LiveLink>();
  readonly #byDevice = new Map<DeviceId, LiveLink>();
  readonly #awaited = new Map<DeviceId, Set<() => void>>();

  /** A gate's order stream is open. A second one of the same name replaces the first. */
  connect(name: string, sink: OrderSink): void {
    this.#gates.set(name, sink);
  }

  /** Kept until its order stream opens. */
  claim(name: string, claim: GateClaim): void {
    this.#claims.set(name, claim);
  }

  takeClaim(name: string): GateClaim {
    const claim = this.#claims.get(name) ?? emptyClaim;
    this.#claims.delete(name);
    return claim;
  }

  /** The order stream ended; false when a newer one of the same name is already there. */
  disconnect(name: string, sink: OrderSink): boolean {
    if (this.#gates.get(name) !== sink) return false;
    return this.#gates.delete(name);
  }

  isConnected(name: string): boolean {
    return this.#gates.has(name);
  }

  gates(): readonly string[] {
    return [...this.#gates.keys()];
  }

  send(gate: string, order: Order): void {
    this.#gates.get(gate)?.(order);
  }

  broadcast(order: Order): void {
    for (const name of this.#gates.keys()) this.send(name, order);
  }

  addLink(link: LiveLink): void {
    this.#links.set(link.id, link);
    this.#byDevice.set(link.device, link);
    for (const listener of this.#awaited.get(link.device) ?? []) listener();
  }

  /** Called with each new link of the device. Returns the unsubscriber. */
  onLinkOf(device: DeviceId, listener: () => void): () => void {
    const listeners = this.#awaited.get(device) ?? new Set();
    this.#awaited.set(device, listeners.add(listener));
    return () => {
      if (listeners.delete(listener) && listeners.size === 0) this.#awaited.delete(device);
    };
  }

  /** Forgets a link. Returns it when it was there. */
  dropLink(id: LinkId): LiveLink | undefined {
    const link = this.#links.get(id);
    if (link === undefined) return undefined;
    this.#links.delete(id);
    if (this.#byDevice.get(link.device) === link) this.#byDevice.delete(link.device);
    return link;
  }

  link(id: LinkId): LiveLink | undefined {
    return this.#links.get(id);
  }

  linkOf(device: DeviceId): LiveLink | undefined {
    return this.#byDevice.get(device);
  }

  links(): Iterable<LiveLink> {
    return this.#links.values();
  }

  linksOfGate(gate: string): readonly LiveLink[] {
    return [...this.#links.values()].filter((link) => link.gate === gate);
  }

  /** Tells the gate to end a device's link. What the gate then reports ends it here. */
  closeLinksOfTenant(tenant: string, reason: LinkEnd): void {
    for (const link of this.links())
      if (link.tenant === tenant) this.send(link.gate, { type: 'closeLink', link: link.id, reason });
  }

  closeLinkOf(device: DeviceId, reason: LinkEnd): void {
    const link = this.#byDevice.get(device);
    if (link !== undefined) this.send(link.gate, { type: 'closeLink', link: link.id, reason });
  }
}
