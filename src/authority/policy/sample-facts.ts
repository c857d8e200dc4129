// Facts for the tests of this folder: an identity, a device, a revision and a loaded decision point, each
// with what a test does not care about filled in. Not imported by the product.

import type { Action, Question, QuestionContext } from '../../core/decision.ts';
import type { Device } from '../../core/device.ts';
import type { Identity } from '../../core/identity.ts';
import type { DeviceId, IdentityId, PolicyRevisionId, ServiceId } from '../../core/ids.ts';
import type { Service } from '../../core/service.ts';
import type { PolicyRevision } from '../../core/policy-revision.ts';
import { PolicyPoint } from './policy-point.ts';
import type { PolicyFiles } from './policy-text.ts';

export const noon = Date.UTC(2026, 10, 22, 12, 0, 0);

export const anaId = `idn_${'a'.repeat(26)}` as IdentityId;
export const ana: Identity = {
  id: anaId,
  kind: 'human',
  name: 'ana',
  roles: ['operator'],
  tenant: 'default',
  createdAt: 0,
};

export const pump: Device = {
  id: `dev_${'p'.repeat(26)}` as DeviceId,
  name: 'pump-7',
  owner: `idn_${'b'.repeat(26)}` as IdentityId,
  purpose: 'cooling water',
  labels: { site: 'lyon' },
  tenant: 'default',
  spki: '',
  publicKey: '',
  linkEpoch: 1,
  createdAt: 0,
  renewal: { n: 0, expected: '' },
};

/** An admin page on the pump, found on the device itself. */
const web: Service = {
  id: 'svc_00000000000000000000000000' as ServiceId,
  tenant: pump.tenant,
  device: pump.id,
  name: 'web',
  host: '127.0.0.1',
  port: 80,
  class: 'admin',
  owner: pump.owner,
  purpose: pump.purpose,
  reviewBy: Number.MAX_SAFE_INTEGER,
  createdAt: 0,
};

export function question(
  facts: {
    readonly principal?: Partial<Identity>;
    readonly action?: Action;
    readonly device?: Partial<Device>;
    readonly service?: string;
    readonly context?: Partial<QuestionContext>;
  } = {},
): Question {
  return {
    principal: { ...ana, ...facts.principal },
    action: facts.action ?? 'shell',
    device: { ...pump, ...facts.device },
    ...(facts.service === undefined ? {} : { service: { ...web, name: facts.service } }),
    context: { now: noon, ...facts.context },
  };
}

export function revision(files: PolicyFiles, number = 1): PolicyRevision {
  const id = `pol_${String(number).padStart(26, '0')}` as PolicyRevisionId;
  return { id, tenant: ana.tenant, number, files, hash: '', appliedBy: 'system', appliedAt: 0 };
}

/** A decision point that holds one file, "access.cedar". */
export function pointWith(text: string): PolicyPoint {
  const point = new PolicyPoint();
  point.load(revision({ 'access.cedar': text }));
  return point;
}
