// Whether the session of a forward still lives, and why not. What lives on it tells by being cut; while
// nothing does, nobody would tell, so the broker is asked now and then.

import type { SessionView } from '../../api/sessions.ts';
import { SallyportError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { askEnd, explainEnd } from '../channel/session-end.ts';
import type { OperatorSession } from '../channel/open-session.ts';
import type { SignIn } from '../profile.ts';

/** A cut is asked about at most this often: a server that resets each connection must not become a flood. */
const askAgainMs = 1_000;
/** A device that ended the session itself says so by its receipt, a moment after the cut. */
const asksPerLook = 3;

export class SessionWatch {
  /** Resolves when the session has ended, with why. */
  readonly ended: Promise<SallyportError>;
  readonly #me: SignIn;
  readonly #session: SessionView;
  readonly #timer: NodeJS.Timeout;
  #tell: (error: SallyportError) => void = () => undefined;
  #isAsking = false;
  #asksLeft = 0;

  constructor(me: SignIn, { opened, closed }: Pick<OperatorSession, 'opened' | 'closed'>) {
    this.#me = me;
    this.#session = opened.session;
    this.ended = new Promise((resolve) => {
      this.#tell = resolve;
    });
    this.#timer = setInterval(() => this.#lookOnce(), limits.forwardLookMs);
    void closed.then(async (cause) => this.#tell(await explainEnd(me, opened.session, cause)));
  }

  /** Something was cut or refused: was it the session? */
  look(): void {
    this.#asksLeft = asksPerLook;
    if (!this.#isAsking) void this.#ask();
  }

  #lookOnce(): void {
    this.#asksLeft = Math.max(1, this.#asksLeft);
    if (!this.#isAsking) void this.#ask();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#asksLeft = 0;
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    while (this.#asksLeft > 0) {
      this.#asksLeft -= 1;
      try {
        const ended = await askEnd(this.#me, this.#session);
        if (ended !== undefined) this.#tell(ended);
      } catch (error) {
        // A broker that cannot be asked now says nothing about the session; its connection does.
        if (!(error instanceof SallyportError)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, askAgainMs).unref());
    }
    this.#isAsking = false;
  }
}
