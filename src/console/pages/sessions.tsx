// Sessions: live ones first, each with its end at hand.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { SessionView } from '../../api/sessions.ts';
import { call } from '../api.ts';
import { useFreshStart, useMe } from '../me.ts';
import { ConfirmButton, ErrorNote } from '../parts/parts.tsx';
import { when } from '../parts/words.ts';

export function Sessions() {
  const [live, setLive] = useState(true);
  const found = useQuery({
    queryKey: ['sessions', live],
    queryFn: async () =>
      await call('GET /v1/sessions', { query: { live: live ? 'true' : 'false', limit: 100 } }),
  });
  return (
    <>
      <h1>Sessions</h1>
      <div className="choice" role="group" aria-label="Which sessions">
        <button type="button" aria-pressed={live} onClick={() => setLive(true)}>
          Live
        </button>
        <button type="button" aria-pressed={!live} onClick={() => setLive(false)}>
          Ended
        </button>
      </div>
      <Guest />
      <ErrorNote error={found.error} />
      {found.data?.items.length === 0 ? (
        <p className="quiet">{live ? 'No session is live.' : 'No session has ended yet.'}</p>
      ) : null}
      <ul className="cards">
        {found.data?.items.map((session) => (
          <li key={session.id}>
            <Card session={session} />
          </li>
        ))}
      </ul>
    </>
  );
}

/** For who comes from a vendor: the one press that ends it all. */
function Guest() {
  const me = useMe();
  const freshStart = useFreshStart();
  if (me.data?.vendor === undefined) return null;
  return (
    <div className="buttons">
      <ConfirmButton
        label="My work is done"
        tone="bad"
        question="Is it done? What is open is cut, your keys and passkeys end, and coming back takes another invite."
        onConfirm={async () => {
          await call('POST /v1/vendors/done', { body: {} });
          await freshStart();
        }}
      />
    </div>
  );
}

function Card({ session }: { readonly session: SessionView }) {
  const queries = useQueryClient();
  return (
    <div className="card">
      <strong>
        {session.identity.name} → {session.target}
      </strong>
      <span>
        {session.kind} since {when(session.createdAt)}
      </span>
      <span className="quiet">
        {session.live
          ? `must end ${when(session.mustEndAt)}`
          : `ended ${session.endedAt === undefined ? '' : when(session.endedAt)}: ${session.endReason ?? session.state}`}
      </span>
      {session.endDetail === undefined ? null : <span className="reason">{session.endDetail}</span>}
      {session.live ? (
        <div className="buttons">
          <ConfirmButton
            label="End"
            tone="bad"
            question={`End the session of ${session.identity.name} on ${session.target}?`}
            reason={{ label: 'Why', isNeeded: false }}
            onConfirm={async (reason) => {
              await call('POST /v1/sessions/:id/end', {
                params: { id: session.id },
                body: reason === '' ? {} : { reason },
              });
              await queries.invalidateQueries({ queryKey: ['sessions'] });
            }}
          />
        </div>
      ) : null}
    </div>
  );
}
