// A secret that somebody holds, an invite or a recovery code, becomes a passkey on this device, and he is in.

import { useNavigate } from '@tanstack/react-router';
import { useId, useState, type ReactNode } from 'react';
import type { Attestation } from '../../api/passkeys.ts';
import { useFreshStart } from '../me.ts';
import { createPasskey, type Options } from '../passkey.ts';
import { ErrorNote, useOnce } from './parts.tsx';

export function NewPasskey(props: {
  readonly title: string;
  readonly intro: string;
  readonly secret: { readonly label: string; readonly initial: string; readonly className?: string };
  readonly nameLabel: string;
  readonly begin: (secret: string) => Promise<{ readonly options: Options }>;
  readonly finish: (made: {
    readonly secret: string;
    readonly name: string;
    readonly attestation: Attestation;
  }) => Promise<unknown>;
  readonly below?: ReactNode;
}) {
  const [typed, setTyped] = useState(props.secret.initial);
  const [name, setName] = useState('this device');
  const { isRunning, error, run } = useOnce();
  const freshStart = useFreshStart();
  const navigate = useNavigate();
  const [secretField, nameField] = [useId(), useId()];
  const make = async (): Promise<void> => {
    const secret = typed.trim();
    const { options } = await props.begin(secret);
    const attestation = await createPasskey(options);
    await props.finish({ secret, name, attestation });
    await freshStart();
    await navigate({ to: '/passkeys' });
  };
  return (
    <section className="narrow">
      <h1>{props.title}</h1>
      <p>{props.intro}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run(make);
        }}
      >
        <label htmlFor={secretField}>{props.secret.label}</label>
        <input
          id={secretField}
          className={props.secret.className}
          value={typed}
          required
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setTyped(event.target.value)}
        />
        <label htmlFor={nameField}>{props.nameLabel}</label>
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
      {props.below}
    </section>
  );
}
