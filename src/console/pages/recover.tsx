// A recovery code becomes a passkey: the way back for who lost all of his.

import { useNavigate } from '@tanstack/react-router';
import { useId, useState } from 'react';
import { call } from '../api.ts';
import { useFreshStart } from '../me.ts';
import { ErrorNote, useOnce } from '../parts/parts.tsx';
import { createPasskey } from '../passkey.ts';

export function Recover() {
  const [code, setCode] = useState('');
  const [name, setName] = useState('this device');
  const { isRunning, error, run } = useOnce();
  const freshStart = useFreshStart();
  const navigate = useNavigate();
  const [codeField, nameField] = [useId(), useId()];
  const recover = async (): Promise<void> => {
    const { options } = await call('POST /v1/passkeys/recover/begin', { body: { code } });
    const attestation = await createPasskey(options);
    await call('POST /v1/passkeys/recover', { body: { code, name, attestation } });
    await freshStart();
    await navigate({ to: '/passkeys' });
  };
  return (
    <section className="narrow">
      <h1>Use a recovery code</h1>
      <p>One of the codes that you kept makes a new passkey on this device. It is used up by that.</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run(recover);
        }}
      >
        <label htmlFor={codeField}>Recovery code</label>
        <input
          id={codeField}
          className="code"
          value={code}
          required
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setCode(event.target.value)}
        />
        <label htmlFor={nameField}>Call the new passkey</label>
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
      <p className="quiet">
        No code either? An administrator makes you an invite. <a href="/">Back to the sign-in</a>
      </p>
    </section>
  );
}
