// Rules on policies that are stricter than Cedar's, each from a way in which a policy looks right and is
// not: an address as the only subject (R-003: network location grants nothing), and a name where an id
// belongs, which would match nobody: a permit that never permits, or worse, a forbid that never forbids.

import { parseId } from '../../core/ids.ts';
import { houseActions } from '../../core/decision.ts';
import { isName } from '../../core/device.ts';
import { printable } from '../../core/printable.ts';
import type { PolicyText } from './policy-text.ts';
import { contextReads, entitiesIn, readsVariable, subjectOf } from './tree.ts';
import type { TypeAndId } from './cedar.ts';

export interface HouseRuleProblem {
  readonly message: string;
  readonly help: string;
}

export function houseRuleProblems(policy: PolicyText): readonly HouseRuleProblem[] {
  const problems = entitiesIn(policy.tree).flatMap((entity) => {
    const problem = idProblem(entity);
    return problem === undefined ? [] : [problem];
  });
  problems.push(...subjectProblems(policy));
  if (permitsByAddressAlone(policy)) {
    problems.push({
      message: 'it permits by network address alone; where somebody is grants nothing',
      help: 'say who as well, for example principal in Role::"operator"',
    });
  }
  return problems;
}

/** What is done with the broker itself is a thing of its own, and no session that anything could be demanded of. */
function subjectProblems({ tree }: PolicyText): readonly HouseRuleProblem[] {
  const subject = subjectOf(tree);
  if (subject === 'both') {
    return [
      {
        message: 'it speaks of targets and of the broker itself at once',
        help: `write two policies: of the broker itself are ${houseActions.join(', ')}`,
      },
    ];
  }
  const demands = Object.keys(tree.annotations ?? {}).filter((name) => !descriptive.has(name));
  if (subject === 'target' || demands.length === 0) return [];
  return [
    {
      message: `${demands.map((name) => `"@${name}"`).join(', ')} is for sessions, and this is about the broker itself`,
      help: 'leave it out; what changes who may do what waits for a second administrator anyway',
    },
  ];
}

const descriptive: ReadonlySet<string> = new Set(['id', 'description']);

function permitsByAddressAlone({ effect, tree }: PolicyText): boolean {
  if (effect === 'forbid') return false;
  // "is Human" says what kind, not who.
  const namesWho = tree.principal.op === '==' || tree.principal.op === 'in' || 'in' in tree.principal;
  const reads = contextReads(tree);
  return !namesWho && !readsVariable(tree, 'principal') && (reads === 'all' || reads.has('sourceIp'));
}

function idProblem({ type, id }: TypeAndId): HouseRuleProblem | undefined {
  switch (type) {
    case 'Human':
    case 'Machine':
    case 'AiAgent':
      if (parseId('idn', id) !== undefined) return undefined;
      return {
        message: `${type}::"${printable(id, 80)}" is not an identity's id, so it would match nobody`,
        help: `write ${type}::"idn_…", or test the name: principal.name == "${printable(id, 80)}"`,
      };
    case 'Device':
      if (parseId('dev', id) !== undefined) return undefined;
      return {
        message: `Device::"${printable(id, 80)}" is not a device's id, so it would match none`,
        help: `write Device::"dev_…", or test the name: resource.name == "${printable(id, 80)}"`,
      };
    case 'Service': {
      const [device = '', name = '', ...rest] = id.split('/');
      if (parseId('dev', device) !== undefined && isName(name) && rest.length === 0) return undefined;
      return {
        message: `Service::"${printable(id, 80)}" is not a service's id, so it would match none`,
        help: 'write Service::"dev_…/name", or test the name: resource.name == "…"',
      };
    }
    default:
      return undefined;
  }
}
