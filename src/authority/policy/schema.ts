// What policy may talk about, as a Cedar schema (human syntax). Policies are checked against it before they
// apply and every question is checked against it before it is decided, so a misspelt name is found when it
// is written and not at 3 a.m. There is no namespace: an operator writes Role::"operator", Action::"shell".
// docs/policy.md explains each name; request.ts fills them in. INVARIANT: every action of core/decision.ts
// is declared here exactly once (schema.test.ts holds it).

import { houseActions } from '../../core/decision.ts';
import { roles } from '../../core/identity.ts';

/** Actions on the device itself: maintenance has no meaning on one of its services. */
const deviceActions = ['shell', 'exec', 'upload', 'download', 'administer'] as const;
/** Actions on a device or on a service that it offers. */
const targetActions = ['discover', 'forward', 'http', 'mcp', 'submitTask', 'approve', 'watch'] as const;

const quoted = (names: readonly string[]): string => names.map((name) => JSON.stringify(name)).join(', ');

// Role is an enumeration, so that Role::"operater" is refused with the names that exist.
const who = `
entity Role enum [${quoted(roles)}];

entity Human in [Role] { id: String, name: String, tenant: String, owner?: Human, purpose?: String, vendor?: String };
entity Machine in [Role] { id: String, name: String, tenant: String, owner?: Human, purpose?: String, vendor?: String };
entity AiAgent in [Role] { id: String, name: String, tenant: String, owner?: Human, purpose?: String, vendor?: String };
`;

export const schemaText = `${who}
entity Device { id: String, name: String, tenant: String, owner: Human, purpose: String } tags String;
entity Service in [Device] {
  name: String, device: Device, tenant: String, owner: Human, purpose: String,
  class: String, host: String, port: Long
} tags String;

type Context = {
  now: datetime,
  sourceIp?: ipaddr,
  command?: String,
  program?: String,
  argc?: Long,
  user?: String,
  path?: String,
  host?: String,
  port?: Long,
  mfaAgeSeconds?: Long,
  onBehalfOf?: String,
  approvals: Long,
  ticket?: String,
  inWindow: Bool
};

action ${deviceActions.join(', ')} appliesTo {
  principal: [Human, Machine, AiAgent], resource: [Device], context: Context
};
action ${targetActions.join(', ')} appliesTo {
  principal: [Human, Machine, AiAgent], resource: [Device, Service], context: Context
};
`;

/** Of what is done with the broker itself. Apart, so that "any action" on a target never means this. */
export const houseSchemaText = `${who}
entity Tenant { name: String };

action ${houseActions.join(', ')} appliesTo {
  principal: [Human, Machine, AiAgent], resource: [Tenant], context: { now: datetime, sourceIp?: ipaddr }
};
`;
