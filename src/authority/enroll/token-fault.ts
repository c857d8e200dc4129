// Why an enrollment was refused: in full for the log, in few words for the caller (negative test I5).

import { SallyportError } from '../../core/errors.ts';

export class TokenFault extends Error {
  readonly code: 'token_refused' | 'conflict' | 'locked';
  readonly why: string;

  constructor(why: string, code: TokenFault['code'] = 'token_refused') {
    super(why);
    this.name = 'TokenFault';
    this.code = code;
    this.why = why;
  }

  toCaller(): SallyportError {
    switch (this.code) {
      case 'token_refused':
        return new SallyportError('token_refused', 'this token is not valid, or not any more', {
          next: 'ask for a new invite: each works once, for an hour at most',
        });
      case 'conflict':
        return new SallyportError('conflict', 'this key is enrolled already', {
          next: 'make a new key: every device and every sign-in has its own',
        });
      case 'locked':
        return new SallyportError('locked', 'whoever this token is for is locked', {
          next: 'ask an administrator',
        });
      default:
        return this.code satisfies never;
    }
  }
}
