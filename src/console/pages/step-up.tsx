// A command wants to open a session that policy asks a passkey for: what, from which key and address, and then the
// yes of the very person who typed it.

import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import type { StepUpView } from '../../api/step-ups.ts';
import { call } from '../api.ts';
import { ErrorNote, Facts, useOnce } from '../parts/parts.tsx';
import { when } from '../parts/words.ts';
import { signShown } from '../passkey.ts';

export function StepUp() {
  const { id } = useParams({ from: '/step-up/$id' });
  const found = useQuery({
    queryKey: ['step-up', id],
    queryFn: async () => await call('GET /v1/step-ups/:id', { params: { id } }),
    refetchInterval: false,
    refetchOnWindowFocus: false,
  });
  return (
    <section className="narrow">
      <h1>Open a session</h1>
      <ErrorNote error={found.error} />
      {found.data === undefined ? null : <Confirm shown={found.data} />}
    </section>
  );
}

function Confirm({ shown }: { readonly shown: StepUpView }) {
  const { isRunning, error, run } = useOnce();
  const [isDone, setDone] = useState(shown.confirmed);
  // What is shown is read from the very text that is signed.
  const content = JSON.parse(shown.content) as Readonly<Record<string, unknown>>;
  const confirm = async (): Promise<void> => {
    const assertion = await signShown('stepUp', shown);
    await call('POST /v1/step-ups/:id/confirm', { params: { id: shown.id }, body: { assertion } });
    setDone(true);
  };
  if (isDone) return <p className="note good">Your command goes on. You can close this page.</p>;
  return (
    <>
      <Facts
        rows={[
          ['What', text(content['kind'])],
          ['On', text(content['target'])],
          ['Command', list(content['argv'])],
          [
            'Files',
            content['roots'] === undefined
              ? undefined
              : `${text(content['mode'])} ${list(content['roots']) ?? ''}`,
          ],
          [
            'To',
            content['host'] === undefined ? undefined : `${text(content['host'])}:${text(content['port'])}`,
          ],
          ['From', text(content['sourceIp'])],
          ['Key', <code key="key">{text(content['cnf'])}</code>],
          ['Asked', when(text(content['askedAt']))],
        ]}
      />
      <p className="note warn">Say yes only if you typed this command yourself just now.</p>
      <ErrorNote error={error} />
      <div className="buttons">
        <button type="button" className="main" disabled={isRunning} onClick={() => void run(confirm)}>
          Open it with your passkey
        </button>
      </div>
    </>
  );
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? '');
}

function list(value: unknown): string | undefined {
  return Array.isArray(value) ? value.map((item) => text(item)).join(' ') : undefined;
}
