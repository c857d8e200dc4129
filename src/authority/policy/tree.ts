// Looking into Cedar syntax trees (the JSON policy format): which actions a policy speaks of, which parts
// of the context it reads, which entities it names. Pure; used for sharding, hints and the house rules.

import { actions, houseActions, type Action } from '../../core/decision.ts';
import type { CedarRequest, PolicyJson, TypeAndId } from './cedar.ts';

/** Calls `visit` for every object in the tree, outermost first. */
function walk(node: unknown, visit: (node: Readonly<Record<string, unknown>>) => void): void {
  if (Array.isArray(node)) {
    for (const item of node) walk(item, visit);
  } else if (typeof node === 'object' && node !== null) {
    visit(node as Readonly<Record<string, unknown>>);
    for (const value of Object.values(node)) walk(value, visit);
  }
}

function entityOf(reference: unknown): TypeAndId | undefined {
  if (typeof reference !== 'object' || reference === null) return undefined;
  const { __entity: nested, type, id } = reference as Record<string, unknown>;
  if (nested !== undefined) return entityOf(nested);
  return typeof type === 'string' && typeof id === 'string' ? { type, id } : undefined;
}

/** The actions whose questions this policy can match, judged by its scope alone. */
export function actionsOf(policy: PolicyJson): readonly Action[] {
  if (policy.action.op === 'All') return actions;
  const named = actionsNamed(policy);
  return actions.filter((action) => named.has(action));
}

/**
 * What it is about. "Any action" is about targets alone: whoever may do everything on a device has not been given the
 * broker by that.
 */
export function subjectOf(policy: PolicyJson): 'target' | 'house' | 'both' {
  const named = actionsNamed(policy);
  if (!houseActions.some((action) => named.has(action))) return 'target';
  return actionsOf(policy).length === 0 ? 'house' : 'both';
}

/** Whether the scope of the policy leaves room for this principal on this resource, whatever its conditions say. */
export function mayConcern(
  { principal, resource }: PolicyJson,
  asked: Pick<CedarRequest, 'principal' | 'resource' | 'entities'>,
): boolean {
  const parentsOf = (uid: TypeAndId): readonly TypeAndId[] =>
    asked.entities
      .filter((entity) => isSame(entityOf(entity.uid), uid))
      .flatMap(({ parents }) => parents.flatMap((parent) => entityOf(parent) ?? []));
  return [
    { scope: principal, uid: asked.principal },
    { scope: resource, uid: asked.resource },
  ].every(({ scope, uid }) => {
    const { entity, entity_type: type, in: within } = scope as Readonly<Record<string, unknown>>;
    const isOfType = type === undefined || type === uid.type;
    const wanted = entityOf(entity ?? (within as { readonly entity?: unknown } | undefined)?.entity);
    if (!isOfType || wanted === undefined || isSame(wanted, uid)) return isOfType;
    return parentsOf(uid).some((parent) => isSame(parent, wanted));
  });
}

function isSame(one: TypeAndId | undefined, other: TypeAndId): boolean {
  return one?.type === other.type && one.id === other.id;
}

export function namesAction(policy: PolicyJson, action: string): boolean {
  return actionsNamed(policy).has(action);
}

function actionsNamed({ action: scope }: PolicyJson): ReadonlySet<string | undefined> {
  const references: readonly unknown[] =
    'entities' in scope ? scope.entities : 'entity' in scope ? [scope.entity] : [];
  return new Set(references.map((reference) => entityOf(reference)?.id));
}

/** Every entity that the policy names, in its scope or in a condition. */
export function entitiesIn(policy: PolicyJson): readonly TypeAndId[] {
  const found: TypeAndId[] = [];
  walk([policy.principal, policy.action, policy.resource, policy.conditions], (node) => {
    // A literal inside an expression is {"__entity": {...}}; its inner object is visited next.
    const entity = '__entity' in node ? undefined : entityOf(node);
    if (entity !== undefined) found.push(entity);
  });
  return found;
}

/** The context attributes that the conditions read; 'all' when the context is used as a whole. */
export function contextReads(policy: PolicyJson): ReadonlySet<string> | 'all' {
  const read = new Set<string>();
  let uses = 0;
  let attributes = 0;
  walk(policy.conditions, (node) => {
    if (node['Var'] === 'context') uses += 1;
    for (const operator of ['.', 'has']) {
      const access = node[operator];
      if (typeof access !== 'object' || access === null) continue;
      const { left, attr } = access as { readonly left?: unknown; readonly attr?: unknown };
      if ((left as { readonly Var?: unknown } | undefined)?.Var !== 'context') continue;
      attributes += 1;
      const name: unknown = Array.isArray(attr) ? attr[0] : attr;
      if (typeof name === 'string') read.add(name);
    }
  });
  return uses === attributes ? read : 'all';
}

/** The same of several policies together. */
export function readByAny(policies: readonly PolicyJson[]): ReadonlySet<string> | 'all' {
  const reads = new Set<string>();
  for (const policy of policies) {
    const one = contextReads(policy);
    if (one === 'all') return 'all';
    for (const attribute of one) reads.add(attribute);
  }
  return reads;
}

/** Whether a condition looks at a variable ("principal", "resource") at all. */
export function readsVariable(policy: PolicyJson, name: string): boolean {
  let found = false;
  walk(policy.conditions, (node) => {
    if (node['Var'] === name) found = true;
  });
  return found;
}

/** Ticket texts that a condition asks for, one for each literal or pattern that it compares with. */
export function ticketSamples(policy: PolicyJson): readonly string[] {
  const samples = new Set<string>();
  walk(policy.conditions, (node) => {
    const pattern =
      (node['like'] as { readonly left?: unknown; readonly pattern?: unknown } | undefined) ?? {};
    if (isTicket(pattern.left) && Array.isArray(pattern.pattern)) {
      samples.add(pattern.pattern.map((part) => (part as { Literal?: string }).Literal ?? '1').join(''));
    }
    const equal = (node['=='] as { readonly left?: unknown; readonly right?: unknown } | undefined) ?? {};
    for (const [one, other] of [
      [equal.left, equal.right],
      [equal.right, equal.left],
    ]) {
      const value = (other as { readonly Value?: unknown } | undefined)?.Value;
      if (isTicket(one) && typeof value === 'string') samples.add(value);
    }
  });
  return [...samples];
}

function isTicket(expression: unknown): boolean {
  const access = (
    expression as { readonly '.'?: { readonly left?: unknown; readonly attr?: unknown } } | undefined
  )?.['.'];
  return access?.attr === 'ticket' && (access.left as { readonly Var?: unknown }).Var === 'context';
}
