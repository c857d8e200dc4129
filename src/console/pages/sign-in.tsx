// Signing in: one press, one passkey. Nobody types a name or a password here.

import { call } from '../api.ts';
import { useFreshStart } from '../me.ts';
import { ErrorNote, useOnce } from '../parts/parts.tsx';
import { usePasskey as askPasskey } from '../passkey.ts';

export function SignIn() {
  const { isRunning, error, run } = useOnce();
  const freshStart = useFreshStart();
  const signIn = async (): Promise<void> => {
    const { options } = await call('POST /v1/passkeys/sign-in/begin', {});
    const assertion = await askPasskey(options);
    await call('POST /v1/passkeys/sign-in', { body: { assertion } });
    await freshStart();
  };
  return (
    <section className="narrow">
      <h1>Sign in</h1>
      <p>Your passkey says who you are. There is no password here, and nothing to type.</p>
      <ErrorNote error={error} />
      <div className="buttons">
        <button type="button" className="main" disabled={isRunning} onClick={() => void run(signIn)}>
          Sign in with your passkey
        </button>
      </div>
      <p className="quiet">
        New here? An administrator makes you an invite: <code>sallyport identities add NAME</code> prints a
        link.
      </p>
    </section>
  );
}
