// An invite becomes a person with a passkey. The token stands behind the "#" of the link, so that it is in no log of
// any server on the way.

import { call } from '../api.ts';
import { NewPasskey } from '../parts/new-passkey.tsx';

export function Enroll() {
  return (
    <NewPasskey
      title="Welcome"
      intro="Make a passkey on this device. It is how you sign in and how you say yes, and it never leaves you."
      secret={{ label: 'Invite', initial: decodeURIComponent(location.hash.slice(1)) }}
      nameLabel="Call this passkey"
      begin={async (token) => await call('POST /v1/passkeys/enroll/begin', { body: { token } })}
      finish={async ({ secret: token, name, attestation }) =>
        await call('POST /v1/passkeys/enroll', { body: { token, name, attestation } })
      }
    />
  );
}
