// Small pieces that every page uses.

import { useId, useRef, useState, type ReactNode } from 'react';
import { Problem } from '../api.ts';

export function ErrorNote({ error }: { readonly error: unknown }) {
  if (!(error instanceof Error)) return null;
  const { message, next } = error instanceof Problem ? error : { message: error.message, next: undefined };
  return (
    <p role="alert" className="note bad">
      {sentence(message)}
      {next === undefined ? null : <span className="next"> {sentence(next)}</span>}
    </p>
  );
}

export function sentence(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1) + (/[.?!]$/.test(text) ? '' : '.');
}

export function Facts({ rows }: { readonly rows: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="facts">
      {rows
        .filter(([, value]) => value !== undefined && value !== '')
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** Asks before it acts; the work runs once however often it is pressed. */
export function ConfirmButton(props: {
  readonly label: string;
  readonly question: string;
  readonly reason?: { readonly label: string; readonly isNeeded: boolean };
  readonly tone?: 'bad';
  readonly onConfirm: (reason: string) => Promise<unknown>;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState('');
  const { isRunning, error, run } = useOnce();
  const title = useId();
  const confirm = async (): Promise<void> => {
    const isDone = await run(() => props.onConfirm(reason.trim()));
    if (isDone) dialog.current?.close();
  };
  return (
    <>
      <button type="button" className={props.tone ?? ''} onClick={() => dialog.current?.showModal()}>
        {props.label}
      </button>
      <dialog ref={dialog} aria-labelledby={title}>
        <form
          method="dialog"
          onSubmit={(event) => {
            event.preventDefault();
            void confirm();
          }}
        >
          <h2 id={title}>{props.question}</h2>
          {props.reason === undefined ? null : (
            <label>
              {props.reason.label}
              <input
                value={reason}
                required={props.reason.isNeeded}
                maxLength={1_000}
                onChange={(event) => setReason(event.target.value)}
              />
            </label>
          )}
          <ErrorNote error={error} />
          <div className="buttons">
            <button type="submit" className={props.tone ?? 'main'} disabled={isRunning}>
              {props.label}
            </button>
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}

/** One run at a time: a double click does nothing twice. */
export function useOnce(): {
  readonly isRunning: boolean;
  readonly error: unknown;
  readonly run: (work: () => Promise<unknown>) => Promise<boolean>;
} {
  const busy = useRef(false);
  const [isRunning, setRunning] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const run = async (work: () => Promise<unknown>): Promise<boolean> => {
    if (busy.current) return false;
    busy.current = true;
    setRunning(true);
    setError(null);
    try {
      await work();
      return true;
    } catch (caught) {
      setError(caught);
      return false;
    } finally {
      busy.current = false;
      setRunning(false);
    }
  };
  return { isRunning, error, run };
}
