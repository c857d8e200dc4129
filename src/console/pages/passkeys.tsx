// One's own passkeys: a second one is the way back when the first is lost.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { call } from '../api.ts';
import { useFreshStart } from '../me.ts';
import { ConfirmButton, ErrorNote, useOnce } from '../parts/parts.tsx';
import { when } from '../parts/words.ts';
import { createPasskey } from '../passkey.ts';

export function Passkeys() {
  const queries = useQueryClient();
  const freshStart = useFreshStart();
  const found = useQuery({
    queryKey: ['passkeys'],
    queryFn: async () => await call('GET /v1/passkeys', {}),
  });
  return (
    <>
      <h1>Passkeys</h1>
      {found.data?.items.length === 1 ? (
        <p className="note warn">
          This is your only one. Add a second, on another device: without any you need an invite to come back.
        </p>
      ) : null}
      {found.data?.items.length === 0 ? (
        <p className="note warn">
          You have none. To approve, and to open what policy guards with a passkey, you need one: ask an
          administrator for an invite to your first. A provider’s sign-in makes none.
        </p>
      ) : null}
      <ErrorNote error={found.error} />
      <ul className="cards">
        {found.data?.items.map((passkey) => (
          <li key={passkey.id} className="card">
            <strong>{passkey.name}</strong>
            <span className="quiet">
              {passkey.current ? 'you are signed in with it · ' : ''}
              {passkey.synced ? 'synced between your devices' : 'on one device only'} · since{' '}
              {when(passkey.createdAt)}
              {passkey.lastUsedAt === undefined ? '' : ` · used ${when(passkey.lastUsedAt)}`}
            </span>
            <div className="buttons">
              <ConfirmButton
                label="Remove"
                tone="bad"
                question={`Remove "${passkey.name}"? Browsers that it let in are out.`}
                onConfirm={async () => {
                  await call('DELETE /v1/passkeys/:id', { params: { id: passkey.id } });
                  if (passkey.current) await freshStart();
                  else await queries.invalidateQueries({ queryKey: ['passkeys'] });
                }}
              />
            </div>
          </li>
        ))}
      </ul>
      {found.data?.items.length === 0 ? null : <AddPasskey />}
    </>
  );
}

function AddPasskey() {
  const queries = useQueryClient();
  const { isRunning, error, run } = useOnce();
  const [name, setName] = useState('');
  const field = useId();
  const add = async (): Promise<void> => {
    const { options } = await call('POST /v1/passkeys/begin', {});
    const attestation = await createPasskey(options);
    await call('POST /v1/passkeys', { body: { name, attestation } });
    setName('');
    await queries.invalidateQueries({ queryKey: ['passkeys'] });
  };
  return (
    <form
      className="row"
      onSubmit={(event) => {
        event.preventDefault();
        void run(add);
      }}
    >
      <div className="wide">
        <label htmlFor={field}>Another passkey, called</label>
        <input
          id={field}
          value={name}
          required
          maxLength={63}
          onChange={(event) => setName(event.target.value)}
        />
      </div>
      <button type="submit" disabled={isRunning}>
        Add
      </button>
      <ErrorNote error={error} />
    </form>
  );
}
