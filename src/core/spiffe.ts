// SPIFFE ids (design section 4): spiffe://<trust domain>/<env>/<kind>/<id>. Narrower than the standard on
// purpose: lower case only, exactly three segments, nothing that has to be escaped or normalised, so two
// names are equal exactly when their texts are. Pure.

import { identityKinds, type PeerKind } from './identity.ts';

export interface SpiffeName {
  readonly trustDomain: string;
  readonly env: string;
  readonly kind: PeerKind;
  readonly id: string;
}

/** Every kind of certificate holder. */
export const peerKinds: readonly PeerKind[] = [...identityKinds, 'authority', 'gate'];

const trustDomainPattern = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const envPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const idPattern = /^[a-z0-9][a-z0-9_-]{0,62}$/;
/** SPIFFE's own bound on a trust domain. */
const trustDomainMaxLength = 255;

export function isTrustDomain(text: string): boolean {
  return text.length <= trustDomainMaxLength && trustDomainPattern.test(text);
}

/** Throws RangeError when a part could not be read back: such a name must never be signed. */
export function formatSpiffe(name: SpiffeName): string {
  const uri = `spiffe://${name.trustDomain}/${name.env}/${name.kind}/${name.id}`;
  if (parseSpiffe(uri) === undefined) throw new RangeError(`"${uri}" is not a valid SPIFFE id`);
  return uri;
}

/** Undefined for anything but the exact form. */
export function parseSpiffe(uri: string): SpiffeName | undefined {
  const [scheme, empty, trustDomain = '', env = '', kindText, id = '', ...rest] = uri.split('/', 7);
  if (scheme !== 'spiffe:' || empty !== '' || rest.length > 0) return undefined;
  const kind = peerKinds.find((known) => known === kindText);
  if (kind === undefined || !isTrustDomain(trustDomain) || !envPattern.test(env) || !idPattern.test(id)) {
    return undefined;
  }
  return { trustDomain, env, kind, id };
}
