// What stands around every page: where one is, where one can go, who one is. Without a sign-in, the sign-in.

import { Link, Outlet, useLocation } from '@tanstack/react-router';
import type { Whoami } from '../../api/enrollments.ts';
import { call } from '../api.ts';
import { useFreshStart, useMe } from '../me.ts';
import { ErrorNote, useOnce } from '../parts/parts.tsx';
import { SignIn } from './sign-in.tsx';

const places = [
  ['/requests', 'Requests'],
  ['/sessions', 'Sessions'],
  ['/locks', 'Locks'],
  ['/approvers', 'Approvers'],
  ['/passkeys', 'Passkeys'],
] as const;

export function Frame() {
  const me = useMe();
  const { pathname } = useLocation();
  // Whoever comes with an invite or a recovery code, or back from a provider, has no sign-in yet.
  const isOpen = ['/enroll', '/recover', '/provider'].includes(pathname);
  return (
    <>
      <a className="skip" href="#content">
        To the content
      </a>
      <header>
        <span className="brand">
          <img src="/icon.svg" alt="" width="24" height="24" /> Sallyport
        </span>
        {me.data == null || isOpen ? null : <Places {...me.data} />}
      </header>
      <main id="content" tabIndex={-1}>
        <ErrorNote error={me.error} />
        {isOpen ? null : <Alarms alarms={me.data?.alarms ?? []} />}
        {isOpen || me.data != null ? <Outlet /> : me.data === null ? <SignIn /> : null}
      </main>
    </>
  );
}

function Alarms({ alarms }: { readonly alarms: readonly string[] }) {
  if (alarms.length === 0) return null;
  return (
    <div className="note bad" role="alert">
      {alarms.map((alarm) => (
        <p key={alarm}>{alarm}</p>
      ))}
    </div>
  );
}

function Places({ name, broker, tenant }: Pick<Whoami, 'name' | 'broker' | 'tenant'>) {
  const { run, error, isRunning } = useOnce();
  const freshStart = useFreshStart();
  const signOut = async (): Promise<void> => {
    await call('POST /v1/passkeys/sign-out', {});
    await freshStart();
  };
  return (
    <>
      <nav aria-label="Places">
        {places.map(([to, label]) => (
          <Link key={to} to={to} activeProps={{ 'aria-current': 'page' }}>
            {label}
          </Link>
        ))}
      </nav>
      <span className="me">
        {tenant === undefined ? name : `${name} of ${tenant}`} at {broker}
        <button type="button" className="plain" disabled={isRunning} onClick={() => void run(signOut)}>
          Sign out
        </button>
      </span>
      <ErrorNote error={error} />
    </>
  );
}
