// Signing in: one press, one passkey, or a provider. Nobody types a name or a password here.

import { useQuery } from '@tanstack/react-query';
import { call } from '../api.ts';
import { useFreshStart } from '../me.ts';
import { ErrorNote, useOnce } from '../parts/parts.tsx';
import { usePasskey as askPasskey } from '../passkey.ts';
import { leaveToSignIn } from '../provider.ts';

export function SignIn() {
  const { isRunning, error, run } = useOnce();
  const freshStart = useFreshStart();
  const providers = useQuery({
    queryKey: ['providers'],
    queryFn: async () => await call('GET /v1/providers', {}),
    refetchInterval: false,
  });
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
        {providers.data?.items.map(({ name, title }) => (
          <button
            key={name}
            type="button"
            disabled={isRunning}
            onClick={() => void run(async () => await leaveToSignIn(name))}
          >
            Sign in by {title}
          </button>
        ))}
      </div>
      <p className="quiet">
        Lost your passkey? <a href="/recover">Use a recovery code</a>. New here? An administrator makes you an
        invite: <code>sallyport identities add NAME</code> prints a link.
      </p>
    </section>
  );
}
