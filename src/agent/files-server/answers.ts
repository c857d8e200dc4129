// Requests in, replies out, in the same order: OpenSSH before its ftruncate fix cuts a download short when
// replies to READ overtake each other. READs run beside each other; everything else waits for what came
// before it and is waited for, as if requests were done one by one.
//
// Bounded three ways: requests without a reply, bytes that WRITEs hold, buffers that READs fill. A client
// that takes no replies is read no further, and so is one that sends faster than the disk takes.

import type { Writable } from 'node:stream';
import { limits } from '../../core/limits.ts';
import { dataMaxBytes, statusCode } from '../../wire/sftp/codes.ts';
import { dataHeadBytes, encodeReply, status, writeDataHead } from '../../wire/sftp/replies.ts';
import type { NumberedRequest } from '../../wire/sftp/requests.ts';
import { faultOf } from './fault.ts';
import { readFileAt } from './file-content.ts';
import type { FilesRequests } from './requests.ts';

interface Reply {
  readonly bytes: Uint8Array;
  /** Goes back to the readers once the bytes have left. */
  readonly buffer?: Buffer;
}

export class Answers {
  readonly #requests: FilesRequests;
  readonly #output: Writable;
  readonly #freeBuffers: Buffer[] = [];
  #buffersMade = 0;
  readonly #buffersWanted: ((buffer: Buffer) => void)[] = [];
  /** Everything but READs, done up to here. */
  #changes: Promise<unknown> = Promise.resolve();
  /** READs since then. */
  #reads: Promise<unknown>[] = [];
  #sent: Promise<void> = Promise.resolve();
  #unanswered = 0;
  #heldBytes = 0;
  #onRoom: (() => void) | undefined;
  #fault: unknown;

  constructor(requests: FilesRequests, output: Writable) {
    this.#requests = requests;
    this.#output = output;
  }

  /** Takes one request; resolves when there is room for the next. Rejects when the server is at fault. */
  async take(request: NumberedRequest): Promise<void> {
    const held = request.type === 'write' ? request.data.length : 0;
    this.#unanswered += 1;
    this.#heldBytes += held;
    const reply = this.#begin(request);
    this.#sent = this.#send(this.#sent, reply, held);
    while (!this.#hasRoom()) {
      await new Promise<void>((resolve) => {
        this.#onRoom = resolve;
      });
    }
    if (this.#fault !== undefined) throw this.#fault;
  }

  /** Resolves when the reply to every request has been handed on. */
  async end(): Promise<void> {
    await this.#sent;
    if (this.#fault !== undefined) throw this.#fault;
  }

  #hasRoom(): boolean {
    return this.#unanswered < limits.filesRequestsInFlight && this.#heldBytes < limits.filesWriteBytesHeld;
  }

  #begin(request: NumberedRequest): Promise<Reply> {
    if (request.type === 'read') {
      const reply = this.#read(request, this.#changes);
      this.#reads.push(reply);
      return reply;
    }
    const before = Promise.all([this.#changes, ...this.#reads]);
    const reply = before.then(async () => {
      try {
        return { bytes: await this.#requests.perform(request) };
      } catch (error) {
        return refusal(request.id, error);
      }
    });
    this.#changes = reply;
    this.#reads = [];
    return reply;
  }

  async #read(
    request: Extract<NumberedRequest, { readonly type: 'read' }>,
    changes: Promise<unknown>,
  ): Promise<Reply> {
    await changes;
    // Buffers are given out in the order of requests, so the next reply to leave always has one.
    const buffer = await this.#takeBuffer();
    try {
      const fd = this.#requests.readable(request.handle);
      const end = dataHeadBytes + Math.min(request.length, dataMaxBytes);
      const count = await readFileAt(fd, buffer.subarray(dataHeadBytes, end), request.offset);
      if (count === 0 && request.length > 0) {
        const bytes = encodeReply(status(request.id, statusCode.eof, 'end of the file'));
        return { bytes, buffer };
      }
      writeDataHead(buffer, request.id, count);
      return { bytes: buffer.subarray(0, dataHeadBytes + count), buffer };
    } catch (error) {
      return { ...refusal(request.id, error), buffer };
    }
  }

  async #send(before: Promise<void>, answer: Promise<Reply>, held: number): Promise<void> {
    try {
      const reply = await answer;
      await before;
      const { buffer } = reply;
      this.#gather();
      const hasRoom = this.#output.write(reply.bytes, () => {
        if (buffer !== undefined) this.#giveBuffer(buffer);
      });
      if (!hasRoom) await drained(this.#output);
    } catch (error) {
      this.#fault ??= error;
    }
    this.#unanswered -= 1;
    this.#heldBytes -= held;
    this.#onRoom?.();
  }

  /** Replies of one turn leave in one write: a status is 21 bytes, and each write is a frame on the link. */
  #gather(): void {
    if (this.#output.writableCorked > 0) return;
    this.#output.cork();
    setImmediate(() => this.#output.uncork());
  }

  async #takeBuffer(): Promise<Buffer> {
    const free = this.#freeBuffers.pop();
    if (free !== undefined) return free;
    if (this.#buffersMade < limits.filesReadsAhead) {
      this.#buffersMade += 1;
      return Buffer.allocUnsafeSlow(dataHeadBytes + dataMaxBytes);
    }
    return new Promise((resolve) => void this.#buffersWanted.push(resolve));
  }

  #giveBuffer(buffer: Buffer): void {
    const wanted = this.#buffersWanted.shift();
    if (wanted === undefined) this.#freeBuffers.push(buffer);
    else wanted(buffer);
  }
}

function refusal(id: number, error: unknown): Reply {
  const fault = faultOf(error);
  return { bytes: encodeReply(status(id, fault.status, fault.message)) };
}

function drained(output: Writable): Promise<void> {
  return new Promise((resolve) => void output.once('drain', resolve));
}
