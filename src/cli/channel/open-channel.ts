// A session for one channel, as shell and exec want it.

import type { SessionOpened } from '../../api/sessions.ts';
import type { ByteStream } from '../../link/byte-stream.ts';
import type { SignIn } from '../profile.ts';
import { openSession, type SessionRequest } from './open-session.ts';

export interface OpenedChannel {
  readonly session: SessionOpened['session'];
  readonly banner: string | undefined;
  readonly stream: ByteStream;
  /** Ends the connection; the session ends with it. */
  close(): void;
}

export async function openChannel(me: SignIn, request: SessionRequest): Promise<OpenedChannel> {
  const session = await openSession(me, request);
  const { opened, close } = session;
  try {
    return { session: opened.session, banner: opened.banner, stream: await session.openChannel(), close };
  } catch (error) {
    close();
    throw error;
  }
}
