// An invite becomes a person with a passkey. The token stands behind the "#" of the link, so that it is in no log of
// any server on the way.

import { useNavigate } from '@tanstack/react-router';
import { useId, useState } from 'react';
import { call } from '../api.ts';
import { useFreshStart } from '../me.ts';
import { ErrorNote, useOnce } from '../parts/parts.tsx';
import { createPasskey } from '../passkey.ts';

export function Enroll() {
  const [token, setToken] = useState(() => decodeURIComponent(location.hash.slice(1)));
  const [name, setName] = useState('this device');
  const { isRunning, error, run } = useOnce();
  const freshStart = useFreshStart();
  const navigate = useNavigate();
  const [tokenField, nameField] = [useId(), useId()];
  const enroll = async (): Promise<void> => {
    const { options } = await call('POST /v1/passkeys/enroll/begin', { body: { token: token.trim() } });
    const attestation = await createPasskey(options);
    await call('POST /v1/passkeys/enroll', { body: { token: token.trim(), name, attestation } });
    await freshStart();
    await navigate({ to: '/passkeys' });
  };
  return (
    <section className="narrow">
      <h1>Welcome</h1>
      <p>
        Make a passkey on this device. It is how you sign in and how you say yes, and it never leaves you.
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run(enroll);
        }}
      >
        <label htmlFor={tokenField}>Invite</label>
        <input
          id={tokenField}
          value={token}
          required
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setToken(event.target.value)}
        />
        <label htmlFor={nameField}>Call this passkey</label>
        <input
          id={nameField}
          value={name}
          required
          maxLength={63}
          onChange={(event) => setName(event.target.value)}
        />
        <ErrorNote error={error} />
        <div className="buttons">
          <button type="submit" className="main" disabled={isRunning}>
            Make a passkey
          </button>
        </div>
      </form>
    </section>
  );
}
