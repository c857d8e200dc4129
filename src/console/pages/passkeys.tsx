// One's own passkeys: a second one is the way back when the first is lost.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { call } from '../api.ts';
import { useFreshStart } from '../me.ts';
import { ConfirmButton, ErrorNote, useOnce } from '../parts/parts.tsx';
import { when } from '../parts/words.ts';
import { createPasskey, usePasskey as askPasskey } from '../passkey.ts';

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
          This is your only one. Add a second, on another device: without any you need a recovery code, or an
          invite, to come back.
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
      {found.data?.items.length === 0 ? null : <RecoveryCodes />}
    </>
  );
}

/** Shown once, to be kept where no device is. */
function RecoveryCodes() {
  const queries = useQueryClient();
  const { isRunning, error, run } = useOnce();
  const [codes, setCodes] = useState<readonly string[]>();
  const left = useQuery({
    queryKey: ['recovery-codes'],
    queryFn: async () => await call('GET /v1/passkeys/recovery-codes', {}),
  });
  const make = async (): Promise<void> => {
    const { options } = await call('POST /v1/passkeys/recovery-codes/begin', {});
    const assertion = await askPasskey(options);
    setCodes((await call('POST /v1/passkeys/recovery-codes', { body: { assertion } })).codes);
    await queries.invalidateQueries({ queryKey: ['recovery-codes'] });
  };
  return (
    <section>
      <h2>Recovery codes</h2>
      {codes === undefined ? (
        <p className="quiet">
          {left.data === undefined || left.data.left === 0
            ? 'You have none. They are the way back when you have lost all your passkeys.'
            : `${left.data.left} are left. New ones make these worth nothing.`}
        </p>
      ) : (
        <>
          <p className="note warn">
            Write them down, or print this page, now: they are not shown again. Each makes one new passkey.
          </p>
          <pre>
            <code>{codes.join('\n')}</code>
          </pre>
        </>
      )}
      <ErrorNote error={error} />
      <div className="buttons">
        <button type="button" disabled={isRunning} onClick={() => void run(make)}>
          Make ten recovery codes
        </button>
      </div>
    </section>
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
