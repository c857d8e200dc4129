// A recovery code becomes a passkey: the way back for who lost all of his.

import { call } from '../api.ts';
import { NewPasskey } from '../parts/new-passkey.tsx';

export function Recover() {
  return (
    <NewPasskey
      title="Use a recovery code"
      intro="One of the codes that you kept makes a new passkey on this device. It is used up by that."
      secret={{ label: 'Recovery code', initial: '', className: 'code' }}
      nameLabel="Call the new passkey"
      begin={async (code) => await call('POST /v1/passkeys/recover/begin', { body: { code } })}
      finish={async ({ secret: code, name, attestation }) =>
        await call('POST /v1/passkeys/recover', { body: { code, name, attestation } })
      }
      below={
        <p className="quiet">
          No code either? An administrator makes you an invite. <a href="/">Back to the sign-in</a>
        </p>
      }
    />
  );
}
