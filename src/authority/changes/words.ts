// A change in one line, for lists and the log.

import type { ChangeOrder } from '../../core/pending-change.ts';

export function changeWords(order: ChangeOrder): string {
  switch (order.kind) {
    case 'policy':
      return `apply a policy of ${Object.keys(order.files).length} files after revision ${order.expect}`;
    case 'unlock':
      return `lift the lock ${order.lock}`;
    case 'keys':
      return `let ${order.need} of the keys of ${order.keys.map(({ name }) => name).join(', ')} open break-glass`;
    case 'grant':
      return `make "${order.identity}" ${order.role}`;
    case 'revoke':
      return `take the role ${order.role} from "${order.identity}"`;
    case 'remove':
      return `remove the identity "${order.identity}"`;
    default:
      return order satisfies never;
  }
}
