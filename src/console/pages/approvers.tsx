// Approver sets: the people whose approval devices accept that look at approvals themselves. Who stands in a set says
// yes to the one that follows, over exactly what is shown.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { ApproverSetView } from '../../api/approvers.ts';
import { call } from '../api.ts';
import { ErrorNote, Facts, useOnce } from '../parts/parts.tsx';
import { when } from '../parts/words.ts';
import { signShown } from '../passkey.ts';

export function Approvers() {
  const found = useQuery({
    queryKey: ['approver-sets'],
    queryFn: async () => await call('GET /v1/approver-sets', { query: { limit: 100 } }),
  });
  const sets = found.data?.items.toSorted((one, other) => other.version - one.version) ?? [];
  return (
    <>
      <h1>Approver sets</h1>
      <p className="quiet">Whose approval counts on devices that look at approvals themselves.</p>
      <ErrorNote error={found.error} />
      {found.data?.items.length === 0 ? (
        <p className="quiet">
          There is none. An administrator makes one: sallyport approvers set NAME … --threshold N
        </p>
      ) : null}
      <ul className="cards">
        {sets.map((set) => (
          <li key={set.version} className="card">
            <strong>Version {set.version}</strong>
            <span className="quiet">{stateOf(set)}</span>
            <Facts rows={rowsOf(set)} />
            {set.maySign ? <Sign set={set} /> : null}
          </li>
        ))}
      </ul>
    </>
  );
}

interface Shown {
  readonly persons: readonly {
    readonly name: string;
    readonly passkeys: unknown[];
    readonly keys: unknown[];
  }[];
  readonly threshold: number;
  readonly expiresAt: number;
  readonly rpId: string;
}

/** From the text that is signed, and from nothing beside it. */
function rowsOf({ content, digest }: ApproverSetView): readonly (readonly [string, string])[] {
  const { persons, threshold, expiresAt, rpId } = JSON.parse(content) as Shown;
  return [
    ['It takes', `${threshold} of ${persons.length}`],
    ...persons.map(
      ({ name, passkeys, keys }) =>
        [
          '',
          `${name}: ${amount(passkeys.length, 'passkey')}, ${amount(keys.length, 'command key')}`,
        ] as const,
    ),
    ['Passkeys for', rpId],
    ['Expires', when(new Date(expiresAt).toISOString())],
    ['Fingerprint', digest],
  ];
}

function amount(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function stateOf({ follows, ready, signatures, needed }: ApproverSetView): string {
  if (follows === undefined) return 'pinned on each device by hand';
  if (ready) return `signed; devices that hold version ${follows} take it by themselves`;
  const by = signatures.map(({ by: { name } }) => name).join(', ');
  return `follows version ${follows}; signed by ${signatures.length} of ${needed}${by === '' ? '' : `: ${by}`}`;
}

function Sign({ set }: { readonly set: ApproverSetView }) {
  const { isRunning, error, run } = useOnce();
  const queries = useQueryClient();
  const sign = async (): Promise<void> => {
    const assertion = await signShown('approvers', set);
    await call('POST /v1/approver-sets/:version/sign', {
      params: { version: set.version },
      body: { assertion },
    });
    await queries.invalidateQueries();
  };
  return (
    <>
      <ErrorNote error={error} />
      <div className="buttons">
        <button type="button" className="main" disabled={isRunning} onClick={() => void run(sign)}>
          Yes, these people: sign with your passkey
        </button>
      </div>
    </>
  );
}
