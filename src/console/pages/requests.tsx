// Access requests: those that wait for me, mine, and all that I may see.

import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { RequestView } from '../../api/requests.ts';
import { formatDuration } from '../../core/duration.ts';
import { call } from '../api.ts';
import { ErrorNote } from '../parts/parts.tsx';
import { when } from '../parts/words.ts';

const views = [
  ['waiting', 'Waiting for me', 'Nothing waits for you.'],
  ['mine', 'Mine', 'You have asked for nothing. In a terminal: sallyport request TARGET --for 30m'],
  ['all', 'All', 'There are no requests that you may see.'],
] as const;

export function Requests() {
  const [of, setOf] = useState<(typeof views)[number][0]>('waiting');
  const found = useQuery({
    queryKey: ['requests', of],
    queryFn: async () => await call('GET /v1/requests', { query: { of, limit: 100 } }),
  });
  const nothing = views.find(([view]) => view === of)?.[2];
  return (
    <>
      <h1>Requests</h1>
      <div className="choice" role="group" aria-label="Which requests">
        {views.map(([view, label]) => (
          <button key={view} type="button" aria-pressed={view === of} onClick={() => setOf(view)}>
            {label}
          </button>
        ))}
      </div>
      <ErrorNote error={found.error} />
      {found.data?.items.length === 0 ? <p className="quiet">{nothing}</p> : null}
      <ul className="cards">
        {found.data?.items.map((request) => (
          <li key={request.id}>
            <Card request={request} />
          </li>
        ))}
      </ul>
      {found.data?.next === undefined ? null : (
        <p className="quiet">These are the first 100. In a terminal: sallyport requests ls</p>
      )}
    </>
  );
}

function Card({ request }: { readonly request: RequestView }) {
  return (
    <Link to="/requests/$id" params={{ id: request.id }} className="card">
      <strong>
        {request.requester.name} → {request.target}
      </strong>
      <span>
        {request.actions.join(', ')} for {formatDuration(request.forMs)}
      </span>
      <span className="reason">{request.reason}</span>
      <span className="quiet">
        <State request={request} /> · {when(request.createdAt)}
      </span>
    </Link>
  );
}

export function State({ request: { state, given, needed } }: { readonly request: RequestView }) {
  const text =
    state !== 'pending'
      ? state
      : given < needed
        ? `waits for ${needed - given} of ${needed}`
        : 'waits for what the device wants';
  const tone = state === 'approved' || state === 'used' ? 'good' : state === 'pending' ? 'warn' : 'bad';
  return <span className={`state ${tone}`}>{text}</span>;
}
