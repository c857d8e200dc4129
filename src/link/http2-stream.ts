// A channel, either side of an HTTP/2 stream, as a ByteStream. A clean end is marked by the trailer
// `sallyport-end: clean`; a direction that ends without it was cut. An abort destroys with Node's own
// AbortError, which sends RST_STREAM CANCEL: of the ways to end a stream it is the only one that in all
// measured cases neither hung, nor leaked, nor was taken for an end by the peer.

import type { ClientHttp2Stream, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { addAbortSignal } from 'node:stream';
import { limits } from '../core/limits.ts';
import type { ByteStream, Trailers } from './byte-stream.ts';
import { DuplexStream } from './duplex-stream.ts';

const endField = 'sallyport-end';
const endClean = 'clean';
/** The flag of a HEADERS frame that also ends the stream: there is no body that could be cut. */
const flagEndStream = 0x1;

export interface Http2StreamOptions {
  /** The head that we sent ended our direction. */
  readonly isOutboundEnded?: () => boolean;
  /** Told of every write. */
  readonly onWrite?: () => void;
  /** Told of every chunk that came, with its length. */
  readonly onRead?: (bytes: number) => void;
}

export function http2Stream(
  stream: ClientHttp2Stream | ServerHttp2Stream,
  options: Http2StreamOptions = {},
): ByteStream {
  const session = stream.session;
  let received: Trailers | undefined = stream.endAfterHeaders ? {} : undefined;
  let toSend: Trailers = {};
  let haveTrailersLeft = false;

  stream.once('response', (_headers: IncomingHttpHeaders, flags: number) => {
    if ((flags & flagEndStream) !== 0) received = {};
  });
  stream.once('trailers', (headers: IncomingHttpHeaders) => {
    if (headers[endField] === endClean) received = readTrailers(headers);
  });
  stream.on('wantTrailers', () => {
    stream.sendTrailers({ ...toSend, [endField]: endClean });
    haveTrailersLeft = true;
  });

  const siblings = siblingsOf(session ?? stream);
  siblings.count += 1;
  stream.once('close', () => {
    siblings.count -= 1;
  });

  return new DuplexStream(stream, {
    inboundTrailers: () => received,
    // A session that is destroyed closes its streams with code 0 as well, sent or not.
    outboundLeft: () =>
      (haveTrailersLeft || options.isOutboundEnded?.() === true) &&
      stream.rstCode === 0 &&
      stream.errored === null &&
      session?.destroyed !== true,
    end: (trailers) => {
      toSend = trailers;
      stream.end();
    },
    abort: (error) => void addAbortSignal(AbortSignal.abort(error), stream),
    ...(options.onWrite === undefined ? {} : { onWrite: options.onWrite }),
    ...(options.onRead === undefined ? {} : { onRead: options.onRead }),
    // Node calls a stream full at 64 KiB, which makes a lone bulk stream stop and go at every hop. Many
    // streams share one connection: what each holds unsent, the others wait for.
    room: () => limits.streamBufferBytes / siblings.count,
  });
}

/** Streams that live on one session, counted here because Node does not tell. */
const perSession = new WeakMap<object, { count: number }>();

function siblingsOf(session: object): { count: number } {
  const known = perSession.get(session);
  if (known !== undefined) return known;
  const fresh = { count: 0 };
  perSession.set(session, fresh);
  return fresh;
}

function readTrailers(headers: IncomingHttpHeaders): Trailers {
  const trailers: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name !== endField && typeof value === 'string') trailers[name] = value;
  }
  return trailers;
}
