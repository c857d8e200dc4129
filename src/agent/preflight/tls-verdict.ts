// Whether what answered is a broker, read from the certificates that it showed: three of them, the leaf with
// the SPIFFE kind of that door, up to a root that is ours where we know it. Everything else is somebody in
// between, or somebody else, and is named by what its certificate says of itself. Pure.

import type { X509Certificate } from 'node:crypto';
import { printable } from '../../core/printable.ts';
import { verifyFirstContact } from '../../wire/chain.ts';
import { rootFingerprint } from '../../wire/roots.ts';
import { bad, failed, good, type Verdict } from './check.ts';
import type { Door, Shown } from './tls-look.ts';

export interface KnownRoot {
  /** As a token carries it. */
  readonly fingerprint: string;
  /** "the token", "\"/var/lib/…\"". */
  readonly from: string;
}

export interface TlsFacts {
  readonly door: Door;
  readonly shown: Shown;
  readonly address: string;
  readonly known: KnownRoot | undefined;
  /** The proxy that it went through. */
  readonly proxy: string | undefined;
  /** Unix ms, the clock here. */
  readonly now: number;
}

export interface TlsVerdict extends Verdict {
  /** Its certificates are fine but for their dates, by the clock here: whose clock is wrong is another check. */
  readonly dates?: 'expired' | 'not_yet_valid';
  readonly rootFingerprint?: string;
}

export function judgeTls(facts: TlsFacts): TlsVerdict {
  const { door, shown, known, address } = facts;
  if ('fault' in shown) return judgeFault(shown, facts);
  const { chain, protocol, alpn } = shown;
  // Behind leaf and issuing CA comes the newest root.
  const fingerprint = known?.fingerprint ?? fingerprintOf(chain[2]);
  const check = (now: number) =>
    verifyFirstContact(chain, { rootFingerprint: fingerprint, kind: door.kind, now });
  const first = check(facts.now);
  const dates =
    !first.ok && (first.fault === 'expired' || first.fault === 'not_yet_valid') ? first.fault : undefined;
  const answer = dates === undefined ? first : check(commonMoment(chain));
  if (!answer.ok) return judgeChain(answer.fault, chain, facts);
  if (protocol !== 'TLSv1.3' || alpn !== door.alpn)
    return bad(
      `"${printable(address)}" shows a broker's certificate, but speaks ${printable(protocol ?? 'no TLS')} and ${alpn === door.alpn ? 'this' : 'another'} protocol inside`,
      whoInBetween(facts),
    );
  const root =
    known === undefined
      ? `root ${fingerprint}, which nothing here pins yet: --token compares it`
      : `the root is the one of ${known.from}`;
  const detail = `the ${door.kind} of "${answer.peer.trustDomain}" answers; ${root}`;
  return { ...good(detail), rootFingerprint: fingerprint, ...(dates === undefined ? {} : { dates }) };
}

function judgeFault({ fault, code }: Extract<Shown, { fault: unknown }>, facts: TlsFacts): Verdict {
  const place = `"${printable(facts.address)}"`;
  switch (code) {
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
    case 'EPROTO':
      return bad(`${place} answers, but not in TLS`, 'check the port: this is no broker');
    case 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL':
      return bad(`${place} speaks TLS and does not know "${facts.door.alpn}"`, whoInBetween(facts));
    case 'ECONNRESET':
    case '':
      return fault.message.includes('did not answer')
        ? failed(fault)
        : bad(
            `the connection is closed when it asks for "${facts.door.alpn}"`,
            facts.door.kind === 'authority'
              ? `the broker may know itself by another name ("name" in broker.yaml), or: ${whoInBetween(facts)}`
              : whoInBetween(facts),
          );
    default:
      return failed(fault);
  }
}

function judgeChain(fault: string, chain: readonly X509Certificate[], facts: TlsFacts): Verdict {
  const place = `"${printable(facts.address)}"`;
  const [leaf] = chain;
  const own = chain[2];
  if (leaf === undefined) return bad(`${place} showed no certificate`, whoInBetween(facts));
  const { known, door, now } = facts;
  // A broker's own chain, of another root.
  const elsewhere = verifyFirstContact(chain, {
    rootFingerprint: fingerprintOf(own),
    kind: door.kind,
    now: commonMoment(chain),
  });
  if (known !== undefined && own !== undefined && elsewhere.ok && fault === 'wrong_root') {
    return bad(
      `${place} is a broker, but not the one of ${known.from}: root ${fingerprintOf(own)}, not ${known.fingerprint}`,
      'check the address; if it is right, somebody may stand in between: do not go on, ask your administrator',
    );
  }
  if (fault === 'wrong_kind' && nameOf(leaf).startsWith('spiffe:')) {
    return bad(
      `${place} answers as "${nameOf(leaf)}", which is no ${door.kind}`,
      'check the address and the port',
    );
  }
  const expired = now > leaf.validToDate.getTime() ? ', and has expired' : '';
  return bad(
    `${place} shows a certificate of "${nameOf(leaf)}", issued by "${issuerOf(leaf)}"${expired}: that is no broker`,
    whoInBetween(facts),
  );
}

function whoInBetween({ proxy, address }: TlsFacts): string {
  const place = `"${printable(address)}"`;
  return proxy === undefined
    ? `something in between answers in the broker's place (a captive portal, or a firewall that looks into TLS), or the address is another server's: on a guest network open a browser and accept its terms, else ask for an exception for ${place}`
    : `the proxy "${printable(proxy)}" looks into TLS, or leads elsewhere: ask who runs it for an exception for ${place}`;
}

/** A moment at which each certificate could be valid; for a chain of different times there is none. */
function commonMoment(chain: readonly X509Certificate[]): number {
  return Math.max(0, ...chain.map((certificate) => certificate.validFromDate.getTime())) + 1_000;
}

function fingerprintOf(certificate: X509Certificate | undefined): string {
  return certificate === undefined ? '' : rootFingerprint(certificate);
}

function nameOf(leaf: X509Certificate): string {
  const uri = /(?:^|, )URI:([^,"]+)/.exec(leaf.subjectAltName ?? '')?.[1];
  const dns = /(?:^|, )DNS:([^,"]+)/.exec(leaf.subjectAltName ?? '')?.[1];
  return printable(uri ?? dns ?? fieldOf(leaf.subject), 100);
}

function issuerOf(leaf: X509Certificate): string {
  return printable(fieldOf(leaf.issuer), 100);
}

/** Node writes names as lines of "CN=…"; the common name says most, then the organisation. */
function fieldOf(name: string | undefined): string {
  const lines = (name ?? '').split('\n');
  const field = (key: string): string | undefined =>
    lines.find((line) => line.startsWith(`${key}=`))?.slice(key.length + 1);
  return field('CN') ?? field('O') ?? 'nobody';
}
