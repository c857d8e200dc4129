// A Question (core/decision.ts) -> the request that Cedar evaluates: typed entities and the context record
// of schema.ts. Ids and attributes travel as data, never as policy text, so no name can inject anything.
// Kinds are types: Human::"x" and Machine::"x" are different principals.

import { commandLine } from '../../core/command-words.ts';
import type { HouseQuestion, Question, QuestionContext } from '../../core/decision.ts';
import type { Device } from '../../core/device.ts';
import type { Identity } from '../../core/identity.ts';
import type { Service } from '../../core/service.ts';
import type { CedarRequest, Context, EntityJson, TypeAndId } from './cedar.ts';

const principalTypes = { human: 'Human', machine: 'Machine', ai_agent: 'AiAgent' } as const satisfies Record<
  Identity['kind'],
  string
>;

/** Throws RangeError for a question without a usable time. */
export function toCedarRequest(question: Question): CedarRequest {
  const principal = principalEntity(question.principal);
  const device = deviceEntity(question.device);
  const service = question.service === undefined ? [] : [serviceEntity(question.device, question.service)];
  return {
    principal: principal.uid as TypeAndId,
    action: { type: 'Action', id: question.action },
    resource: (service[0]?.uid ?? device.uid) as TypeAndId,
    context: cedarContext(question.context),
    entities: [principal, device, ...service],
  };
}

/** The same of what somebody does with the broker itself. */
export function toHouseRequest(question: HouseQuestion): CedarRequest {
  const { action, now, sourceIp } = question;
  const principal = principalEntity(question.principal);
  const { tenant } = question.principal;
  const resource = { type: 'Tenant', id: tenant };
  return {
    principal: principal.uid as TypeAndId,
    action: { type: 'Action', id: action },
    resource,
    context: { now: datetime(now), ...(sourceIp === undefined ? {} : { sourceIp: ip(sourceIp) }) },
    entities: [principal, { uid: resource, attrs: { name: tenant }, parents: [] }],
  };
}

function datetime(now: number): Context[string] {
  return { __extn: { fn: 'datetime', arg: new Date(now).toISOString() } };
}

function ip(address: string): Context[string] {
  return { __extn: { fn: 'ip', arg: plainAddress(address) } };
}

function principalEntity(identity: Identity): EntityJson {
  return {
    uid: { type: principalTypes[identity.kind], id: identity.id },
    attrs: {
      id: identity.id,
      name: identity.name,
      tenant: identity.tenant,
      ...(identity.owner === undefined ? {} : { owner: human(identity.owner) }),
      ...(identity.purpose === undefined ? {} : { purpose: identity.purpose }),
      ...(identity.vendor === undefined ? {} : { vendor: identity.vendor }),
    },
    parents: identity.roles.map((role) => ({ type: 'Role', id: role })),
  };
}

function deviceEntity(device: Device): EntityJson {
  return {
    uid: { type: 'Device', id: device.id },
    attrs: {
      id: device.id,
      name: device.name,
      tenant: device.tenant,
      owner: human(device.owner),
      purpose: device.purpose,
    },
    parents: [],
    tags: { ...device.labels },
  };
}

/** A service has an owner of its own, and its device's tenant and labels, so that one policy by label covers both. */
function serviceEntity(device: Device, service: Service): EntityJson {
  const uid = { type: 'Device', id: device.id };
  return {
    uid: { type: 'Service', id: `${device.id}/${service.name}` },
    attrs: {
      name: service.name,
      device: { __entity: uid },
      tenant: device.tenant,
      owner: human(service.owner),
      purpose: service.purpose,
      class: service.class,
      host: service.host,
      port: service.port,
    },
    parents: [uid],
    tags: { ...device.labels },
  };
}

/** Owners are people: they answer for what they own. */
function human(id: string): { readonly __entity: TypeAndId } {
  return { __entity: { type: 'Human', id } };
}

// Unknown never helps: what is absent is absent for Cedar too, or has the value that grants least.
function cedarContext(context: QuestionContext): Context {
  const { argv, mfaAgeMs } = context;
  return {
    now: datetime(context.now),
    approvals: context.approvals ?? 0,
    inWindow: context.inWindow ?? false,
    ...(context.sourceIp === undefined ? {} : { sourceIp: ip(context.sourceIp) }),
    ...(argv === undefined
      ? {}
      : {
          command: commandLine(argv),
          argc: argv.length,
          ...(argv[0] === undefined ? {} : { program: argv[0] }),
        }),
    ...(context.user === undefined ? {} : { user: context.user }),
    ...(context.path === undefined ? {} : { path: context.path }),
    ...(context.host === undefined ? {} : { host: context.host }),
    ...(context.port === undefined ? {} : { port: context.port }),
    // Rounded up, so that "at most 300 seconds old" never takes 300.9; from the future is not known.
    ...(mfaAgeMs === undefined || mfaAgeMs < 0 ? {} : { mfaAgeSeconds: Math.ceil(mfaAgeMs / 1_000) }),
    ...(context.onBehalfOf === undefined ? {} : { onBehalfOf: context.onBehalfOf }),
    ...(context.ticket === undefined ? {} : { ticket: context.ticket }),
  };
}

/**
 * Cedar refuses IPv4 inside IPv6 and knows no zones, and Node's sockets report both. Without this a forbid
 * on 10.0.0.0/8 could not be evaluated for a client on a dual-stack socket. What stays unreadable is
 * refused by Cedar, which denies.
 */
function plainAddress(address: string): string {
  const withoutZone = address.replace(/%.*$/, '');
  const mapped = /^::ffff:([0-9]{1,3}(?:\.[0-9]{1,3}){3})$/i.exec(withoutZone);
  return mapped?.[1] ?? withoutZone;
}
