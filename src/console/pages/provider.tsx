// Where a provider sends the browser back to. What it brings is in the address, for the broker alone: it is taken out
// of it before anything else.

import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { call } from '../api.ts';
import { useFreshStart } from '../me.ts';
import { ErrorNote } from '../parts/parts.tsx';
import { takeLeft } from '../provider.ts';

export function Provider() {
  const [error, setError] = useState<unknown>();
  const [isIn, setIn] = useState(false);
  const freshStart = useFreshStart();
  const navigate = useNavigate();
  const isBegun = useRef(false);
  useEffect(() => {
    // Effects run twice in development; what came back is good once.
    if (isBegun.current) return;
    isBegun.current = true;
    const returned = Object.fromEntries(new URLSearchParams(location.search));
    history.replaceState(history.state, '', location.pathname);
    const finish = async (): Promise<void> => {
      const left = takeLeft();
      if (left === undefined) throw new Error('this page was opened without a sign-in that was begun in it');
      const { secret, code } = left;
      if (code !== undefined) {
        await call('POST /v1/sign-in/codes/:code/provider/finish', {
          params: { code },
          body: { secret, returned },
        });
        return setIn(true);
      }
      await call('POST /v1/providers/finish', { body: { secret, returned } });
      await freshStart();
      await navigate({ to: '/requests', replace: true });
    };
    finish().catch(setError);
  });
  if (isIn) return <p className="note good">The command is in. You can close this page.</p>;
  return (
    <section className="narrow">
      <h1>Signing in</h1>
      <ErrorNote error={error} />
      {error === undefined ? (
        <p className="quiet">One moment.</p>
      ) : (
        <p>
          <a href="/">Back to the sign-in</a>
        </p>
      )}
    </section>
  );
}
