// A command asks to be let in: its code, and then which machine, which key and from where, before a passkey says yes.

import { useQuery } from '@tanstack/react-query';
import { useId, useState } from 'react';
import type { CodeView } from '../../api/passkeys.ts';
import { call } from '../api.ts';
import { useMe } from '../me.ts';
import { leaveForCode } from '../provider.ts';
import { ErrorNote, Facts, useOnce } from '../parts/parts.tsx';
import { when } from '../parts/words.ts';
import { signText } from '../passkey.ts';

export function Device() {
  const given = new URLSearchParams(location.search).get('code') ?? '';
  const [typed, setTyped] = useState(given);
  const [code, setCode] = useState(given);
  const field = useId();
  const found = useQuery({
    queryKey: ['code', code],
    queryFn: async () => await call('GET /v1/sign-in/codes/:code', { params: { code } }),
    enabled: code !== '',
    refetchInterval: false,
    refetchOnWindowFocus: false,
  });
  return (
    <section className="narrow">
      <h1>Let a command in</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setCode(typed.trim());
        }}
      >
        <label htmlFor={field}>The code in your terminal</label>
        <input
          id={field}
          className="code"
          value={typed}
          required
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setTyped(event.target.value)}
        />
        <div className="buttons">
          <button type="submit">Look</button>
        </div>
      </form>
      {code === '' ? <FirstTime /> : null}
      <ErrorNote error={found.error} />
      {found.data === undefined ? null : <Confirm key={found.data.code} shown={found.data} />}
    </section>
  );
}

function Confirm({ shown }: { readonly shown: CodeView }) {
  const { isRunning, error, run } = useOnce();
  const [isDone, setDone] = useState(false);
  const me = useMe();
  // What is shown is read from the very text that is signed.
  const content = JSON.parse(shown.content) as Readonly<Record<string, string>>;
  const confirm = async (): Promise<void> => {
    const assertion = await signText('signIn', shown.content);
    await call('POST /v1/sign-in/codes/:code/confirm', { params: { code: shown.code }, body: { assertion } });
    setDone(true);
  };
  if (isDone) return <p className="note good">The command is in. You can close this page.</p>;
  return (
    <>
      <Facts
        rows={[
          ['Code', content['code']],
          ['Machine', content['machine']],
          ['From', content['sourceIp']],
          ['Key', <code key="key">{content['key']}</code>],
          ['Asked', when(content['askedAt'] ?? '')],
        ]}
      />
      <p className="note warn">
        Say yes only if you typed the command yourself just now, on that machine. Whoever sent you here with a
        code of his own would be in as you.
      </p>
      <ErrorNote error={error} />
      <div className="buttons">
        <button type="button" className="main" disabled={isRunning} onClick={() => void run(confirm)}>
          Let it in with your passkey
        </button>
        {me.data?.provider === undefined ? null : (
          <button
            type="button"
            disabled={isRunning}
            onClick={() => void run(async () => await leaveForCode(shown.code))}
          >
            Let it in by {me.data.provider}
          </button>
        )}
      </div>
    </>
  );
}

/** What to type on a machine from which nobody signed in before: it has to know the root. */
function FirstTime() {
  const trust = useQuery({ queryKey: ['trust'], queryFn: async () => await call('GET /v1/trust', {}) });
  if (trust.data === undefined) return null;
  return (
    <>
      <p className="quiet">On a machine that knows this broker: sallyport login ADDRESS. On a new one:</p>
      <pre>
        <code>
          sallyport login {location.hostname}:{location.port || '443'} --root {trust.data.rootFingerprint}
        </code>
      </pre>
    </>
  );
}
