// Locks: a standing No that beats every grant and cuts what is live.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { call } from '../api.ts';
import { useMe } from '../me.ts';
import { ConfirmButton, ErrorNote, useOnce } from '../parts/parts.tsx';
import { when } from '../parts/words.ts';

const kinds = ['identity', 'device', 'session'] as const;

export function Locks() {
  const rights = useMe().data?.rights ?? [];
  const maySee = rights.includes('inspect');
  const queries = useQueryClient();
  const found = useQuery({
    queryKey: ['locks'],
    queryFn: async () => await call('GET /v1/locks', { query: { limit: 100 } }),
    enabled: maySee,
  });
  if (!maySee) {
    return (
      <>
        <h1>Locks</h1>
        <p className="quiet">Administrators and auditors see locks.</p>
      </>
    );
  }
  return (
    <>
      <h1>Locks</h1>
      {rights.includes('stopAccess') ? <AddLock /> : null}
      <ErrorNote error={found.error} />
      {found.data?.items.length === 0 ? <p className="quiet">No lock stands.</p> : null}
      <ul className="cards">
        {found.data?.items.map((lock) => (
          <li key={lock.id} className="card">
            <strong>
              {lock.kind.replace('_', ' ')} {lock.subject.name}
            </strong>
            <span className="reason">{lock.reason}</span>
            <span className="quiet">
              by {lock.createdBy.name}, {when(lock.createdAt)}
              {lock.expiresAt === undefined ? '' : `, until ${when(lock.expiresAt)}`}
            </span>
            {rights.includes('liftLocks') ? (
              <div className="buttons">
                <ConfirmButton
                  label="Lift"
                  question={`Lift the lock on ${lock.subject.name}?`}
                  onConfirm={async () => {
                    await call('DELETE /v1/locks/:id', { params: { id: lock.id } });
                    await queries.invalidateQueries({ queryKey: ['locks'] });
                  }}
                />
              </div>
            ) : null}
          </li>
        ))}
      </ul>
    </>
  );
}

function AddLock() {
  const queries = useQueryClient();
  const { isRunning, error, run } = useOnce();
  const [kind, setKind] = useState<(typeof kinds)[number]>('identity');
  const [subject, setSubject] = useState('');
  const [reason, setReason] = useState('');
  const [cut, setCut] = useState<number>();
  const [kindField, subjectField, reasonField] = [useId(), useId(), useId()];
  const lock = async (): Promise<void> => {
    const locked = await call('POST /v1/locks', {
      body: { kind, subject: subject.trim(), reason: reason.trim() },
    });
    setCut(locked.cut.length);
    setSubject('');
    setReason('');
    await queries.invalidateQueries({ queryKey: ['locks'] });
  };
  return (
    <form
      className="row"
      onSubmit={(event) => {
        event.preventDefault();
        void run(lock);
      }}
    >
      <div>
        <label htmlFor={kindField}>Lock</label>
        <select
          id={kindField}
          value={kind}
          onChange={(event) => setKind(kinds.find((one) => one === event.target.value) ?? 'identity')}
        >
          {kinds.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </div>
      <div>
        <label htmlFor={subjectField}>Name or id</label>
        <input
          id={subjectField}
          value={subject}
          required
          onChange={(event) => setSubject(event.target.value)}
        />
      </div>
      <div className="wide">
        <label htmlFor={reasonField}>Why</label>
        <input
          id={reasonField}
          value={reason}
          required
          maxLength={1_000}
          onChange={(event) => setReason(event.target.value)}
        />
      </div>
      <button type="submit" className="bad" disabled={isRunning}>
        Lock now
      </button>
      <ErrorNote error={error} />
      {cut === undefined ? null : (
        <p role="status" className="note good">
          Locked; {cut} live {cut === 1 ? 'session was' : 'sessions were'} cut.
        </p>
      )}
    </form>
  );
}
