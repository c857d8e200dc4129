// Real networks for tests: a device behind its home router, that behind a carrier's NAT, a broker in "the
// internet", and an operator elsewhere. Each is a network namespace of its own; whatever nobody inside asked
// for is dropped. Addresses are those reserved for documentation and carrier NAT.
//
//   device 192.168.7.2 - home (NAT 1) 100.64.0.2 - carrier (NAT 2) 203.0.113.1 - internet 203.0.113.10
//                                                    operator 198.51.100.2 - internet 198.51.100.1

import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun, runCommand } from './program.ts';

export const brokerAddress = '203.0.113.10';
export const homeAddress = '192.168.7.1';
const carrierAddress = '203.0.113.1';
const laterCarrierAddress = '203.0.113.77';

const hosts = ['device', 'home', 'carrier', 'internet', 'operator'] as const;
export type Host = (typeof hosts)[number];

/** Undefined: this machine can do it. Otherwise why not. */
export async function whyNoNetwork(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const probe = `sp-probe-${randomBytes(3).toString('hex')}`;
  try {
    await mustRun(['ip', 'netns', 'add', probe]);
    await mustRun(['ip', 'netns', 'exec', probe, 'iptables', '-t', 'nat', '-L']);
    return undefined;
  } catch (error) {
    return `no "ip netns" with iptables here: ${error instanceof Error ? error.message : 'unknown'}`;
  } finally {
    await runCommand(['ip', 'netns', 'del', probe]).catch(() => undefined);
  }
}

export class Network {
  readonly #tag = `sp${randomBytes(3).toString('hex')}`;

  name(host: Host): string {
    return `${this.#tag}-${host}`;
  }

  within(host: Host): readonly string[] {
    return ['ip', 'netns', 'exec', this.name(host)];
  }

  async run(host: Host, ...words: readonly string[]): Promise<string> {
    return await mustRun([...this.within(host), ...words]);
  }

  static async build(): Promise<Network> {
    const network = new Network();
    try {
      await network.#build();
      return network;
    } catch (error) {
      await network.remove();
      throw error;
    }
  }

  async #build(): Promise<void> {
    for (const host of hosts) {
      await mustRun(['ip', 'netns', 'add', this.name(host)]);
      await this.run(host, 'ip', 'link', 'set', 'lo', 'up');
    }
    await this.#cable(['device', '192.168.7.2/24'], ['home', `${homeAddress}/24`]);
    await this.#cable(['home', '100.64.0.2/24'], ['carrier', '100.64.0.1/24']);
    await this.#cable(['carrier', `${carrierAddress}/24`], ['internet', `${brokerAddress}/24`]);
    await this.#cable(['operator', '198.51.100.2/24'], ['internet', '198.51.100.1/24']);
    for (const [host, gateway] of [
      ['device', homeAddress],
      ['home', '100.64.0.1'],
      ['operator', '198.51.100.1'],
    ] as const) {
      await this.run(host, 'ip', 'route', 'add', 'default', 'via', gateway);
    }
    for (const host of ['home', 'carrier'] as const) await this.#nat(host);
    await this.#dropInbound('device');
  }

  /** Two ends of one cable, named for where they lead. */
  async #cable(one: readonly [Host, string], two: readonly [Host, string]): Promise<void> {
    const ends = [
      { host: one[0], address: one[1], port: `to-${two[0]}` },
      { host: two[0], address: two[1], port: `to-${one[0]}` },
    ] as const;
    const [left, right] = ends.map(({ host, port }) => ['name', port, 'netns', this.name(host)]);
    await mustRun(['ip', 'link', 'add', ...(left ?? []), 'type', 'veth', 'peer', ...(right ?? [])]);
    for (const { host, address, port } of ends) {
      await this.run(host, 'ip', 'addr', 'add', address, 'dev', port);
      await this.run(host, 'ip', 'link', 'set', port, 'up');
    }
  }

  async #nat(host: 'home' | 'carrier'): Promise<void> {
    const [inside, outside] = host === 'home' ? ['to-device', 'to-carrier'] : ['to-home', 'to-internet'];
    await this.run(host, 'sysctl', '-q', '-w', 'net.ipv4.ip_forward=1');
    await this.run(host, ...iptables(`-t nat -A POSTROUTING -o ${outside} -j MASQUERADE`));
    await this.#dropInbound(host);
    await this.run(host, ...iptables('-P FORWARD DROP'));
    await this.run(host, ...iptables(`-A FORWARD -i ${inside} -o ${outside} -j ACCEPT`));
    await this.run(host, ...iptables('-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT'));
  }

  async #dropInbound(host: Host): Promise<void> {
    await this.run(host, ...iptables('-P INPUT DROP'));
    await this.run(host, ...iptables('-A INPUT -i lo -j ACCEPT'));
    await this.run(host, ...iptables('-A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT'));
  }

  /** The carrier gives the household another address; what was translated to the old one is forgotten. */
  async changeEgress(): Promise<string> {
    // In this order: deleting a first address takes the later ones of its network along.
    await this.run('carrier', 'ip', 'addr', 'del', `${carrierAddress}/24`, 'dev', 'to-internet');
    await this.run('carrier', 'ip', 'addr', 'add', `${laterCarrierAddress}/24`, 'dev', 'to-internet');
    return laterCarrierAddress;
  }

  /** What programs started within that host read as /etc/NAME. */
  async etc(host: Host, name: string, text: string): Promise<void> {
    const folder = this.#etcFolder(host);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, name), text);
  }

  #etcFolder(host: Host): string {
    return join('/etc/netns', this.name(host));
  }

  /** The home router answers the device on a port of its own. */
  async openHome(kind: 'tcp' | 'udp', port: number): Promise<void> {
    await this.run('home', ...iptables(`-A INPUT -i to-device -p ${kind} --dport ${port} -j ACCEPT`));
  }

  /** Whatever the device says to that port, somebody on the home router hears. */
  async redirectAtHome(port: number, to: number): Promise<void> {
    await this.openHome('tcp', to);
    const words = `-t nat -A PREROUTING -i to-device -p tcp --dport ${port} -j REDIRECT --to-ports ${to}`;
    await this.run('home', ...iptables(words));
  }

  async dropAtCarrier(port: number): Promise<void> {
    await this.run('carrier', ...iptables(`-I FORWARD -p tcp --dport ${port} -j DROP`));
  }

  /** The home router forgets a connection that says nothing for so long. */
  async forgetAfter(seconds: number): Promise<void> {
    const name = 'net.netfilter.nf_conntrack_tcp_timeout_established';
    await this.run('home', 'sysctl', '-q', '-w', `${name}=${seconds}`);
  }

  /** The home router forwards nothing any more; only its own port may be reached from the device. */
  async onlyByProxy(port: number): Promise<void> {
    await this.run('home', ...iptables('-I FORWARD -j DROP'));
    await this.openHome('tcp', port);
  }

  /** Everything in transit at the carrier vanishes without a word, both ways. */
  async blackHole(): Promise<void> {
    await this.run('carrier', ...iptables('-I FORWARD -j DROP'));
  }

  async remove(): Promise<void> {
    for (const host of hosts) {
      await runCommand(['ip', 'netns', 'del', this.name(host)]);
      await rm(this.#etcFolder(host), { recursive: true, force: true });
    }
  }
}

function iptables(words: string): readonly string[] {
  return ['iptables', '-w', ...words.split(' ')];
}
