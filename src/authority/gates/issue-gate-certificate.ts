// The gate's TLS identity: kind `gate`, for a key that the gate made and keeps in memory only. It is
// signed for whoever reaches the control socket; that reach is the gate's proof (docs/threat-model.md).

import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import type { IssuedCertificate } from '../../wire/control.ts';
import type { AuthorityContext } from '../context.ts';
import { issueLeaf } from '../pki/leaf.ts';
import { csrFaultWords, readCsr } from '../pki/read-csr.ts';

export async function issueGateCertificate(
  ctx: AuthorityContext,
  request: { readonly csr: string; readonly gate: string },
): Promise<IssuedCertificate & { readonly serial: string }> {
  const csr = readCsr(request.csr);
  if (!csr.ok) throw new SallyportError('invalid', csrFaultWords[csr.fault]);
  const leaf = await issueLeaf(ctx.pki.issuingCa, {
    publicKey: csr.publicKey,
    name: { trustDomain: ctx.pki.trustDomain, env: ctx.pki.env, kind: 'gate', id: request.gate },
    lifeMs: limits.gateCertificateLifeMs,
    now: ctx.clock.now(),
    random: ctx.random,
  });
  return {
    certificate: leaf.chainPem + ctx.pki.rootChainPem,
    root: ctx.pki.trustedRootsPem,
    serial: leaf.serial,
  };
}
