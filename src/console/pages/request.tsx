// One request on one screen: who, what, where, how long, why, and what a tired person should look at twice. A yes is
// the approver's passkey over exactly what is shown.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import type { RequestView } from '../../api/requests.ts';
import { readRequestContent } from '../../core/request-content.ts';
import { call } from '../api.ts';
import { useMe } from '../me.ts';
import { ConfirmButton, ErrorNote, Facts, useOnce } from '../parts/parts.tsx';
import { rowsOf, unusualIn } from '../parts/request-content.ts';
import { when } from '../parts/words.ts';
import { signShown } from '../passkey.ts';
import { State } from './requests.tsx';

export function Request() {
  const { id } = useParams({ from: '/requests/$id' });
  const found = useQuery({
    queryKey: ['request', id],
    queryFn: async () => await call('GET /v1/requests/:id', { params: { id } }),
  });
  return (
    <section className="narrow">
      <p>
        <Link to="/requests">← Requests</Link>
      </p>
      <ErrorNote error={found.error} />
      {found.data === undefined ? null : <Whole request={found.data} />}
    </section>
  );
}

function Whole({ request }: { readonly request: RequestView }) {
  const me = useMe().data;
  const content = readRequestContent(request.content);
  const isOpen = request.state === 'pending' || request.state === 'approved';
  const hasApproved = request.approvals.some(({ by }) => by.id === me?.id);
  const isMine = request.requester.id === me?.id;
  const unusual = unusualIn(content);
  return (
    <>
      <h1>
        {content.requester} → {content.target}
      </h1>
      <p>
        <State request={request} />
      </p>
      <Facts rows={rowsOf(content)} />
      {unusual.length === 0 || !isOpen ? null : (
        <div className="note warn">
          <strong>Look twice</strong>
          <ul>
            {unusual.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </div>
      )}
      <Facts
        rows={[
          ['Approvals', `${request.given} of ${request.needed}`],
          ...request.approvals.map(({ by, at, how }) => ['', `${by.name}, by ${how}, ${when(at)}`] as const),
          ['The device', request.checkedByDevice && deviceWords(request.checkedByDevice)],
          ['Denied by', request.deniedBy?.name],
          ['Because', request.denyReason],
          ['Decide by', request.state === 'pending' ? when(request.expiresAt) : undefined],
          ['Use by', request.state === 'approved' ? when(request.usableUntil) : undefined],
          ['Session', request.session],
        ]}
      />
      {request.mayApprove ? <Approve request={request} /> : null}
      <div className="buttons">
        {isOpen && request.mayApprove ? <Deny request={request} label="Deny" /> : null}
        {hasApproved && request.state !== 'withdrawn' ? (
          <Deny request={request} label="Take my approval back" />
        ) : null}
        {isOpen && isMine ? <Cancel request={request} /> : null}
      </div>
    </>
  );
}

function deviceWords({
  check,
  needed,
  persons,
  version,
}: NonNullable<RequestView['checkedByDevice']>): string {
  const who = persons?.join(', ') ?? 'its approver set';
  const which = version === undefined ? '' : ` (approver set ${version})`;
  return `looks itself for ${needed} of ${who}${which}${check === 'verify+cli' ? ', each by passkey and by command' : ''}`;
}

function Approve({ request }: { readonly request: RequestView }) {
  const { isRunning, error, run } = useOnce();
  const queries = useQueryClient();
  const approve = async (): Promise<void> => {
    const assertion = await signShown('approval', request);
    await call('POST /v1/requests/:id/approve', { params: { id: request.id }, body: { assertion } });
    await queries.invalidateQueries();
  };
  return (
    <>
      <ErrorNote error={error} />
      <div className="buttons">
        <button type="button" className="main" disabled={isRunning} onClick={() => void run(approve)}>
          Approve with your passkey
        </button>
      </div>
    </>
  );
}

function Deny({ request, label }: { readonly request: RequestView; readonly label: string }) {
  const queries = useQueryClient();
  return (
    <ConfirmButton
      label={label}
      tone="bad"
      question={`${label}: ${request.requester.name} → ${request.target}?`}
      reason={{ label: 'Why (shown to who asked)', isNeeded: false }}
      onConfirm={async (reason) => {
        await call('POST /v1/requests/:id/deny', {
          params: { id: request.id },
          body: reason === '' ? {} : { reason },
        });
        await queries.invalidateQueries();
      }}
    />
  );
}

function Cancel({ request }: { readonly request: RequestView }) {
  const queries = useQueryClient();
  return (
    <ConfirmButton
      label="Take my request back"
      question="Take this request back?"
      onConfirm={async () => {
        await call('POST /v1/requests/:id/cancel', { params: { id: request.id } });
        await queries.invalidateQueries();
      }}
    />
  );
}
