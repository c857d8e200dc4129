// Where a store says what an operator should know and no caller can be told. The shape of a pino logger.

export interface StoreLog {
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

/** Where nobody listens: one JSON line each on stderr, so that nothing is swallowed. */
export const stderrLog: StoreLog = {
  warn: (details, message) => write('warn', details, message),
  error: (details, message) => write('error', details, message),
};

function write(level: string, details: object, message: string): void {
  process.stderr.write(`${JSON.stringify({ level, ...details, msg: message })}\n`);
}
