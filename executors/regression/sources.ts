import { createHash } from 'node:crypto';
import type { ByteChunks, CiphertextMessage } from './messages.ts';

/** Messages whose bytes are hashed while they are read: a party remembers what it computed an answer from. */
export class HashedSources {
  readonly messages: readonly CiphertextMessage[];
  readonly #hashes: readonly ReturnType<typeof createHash>[];

  constructor(messages: readonly CiphertextMessage[]) {
    this.#hashes = messages.map(() => createHash('sha256'));
    this.messages = messages.map(({ header, chunks }, index) => ({ header, chunks: this.#read(chunks, index) }));
  }

  /** SHA-256 over the digests of all messages in order, hexadecimal; once, after they were read to their ends. */
  digest(): string {
    const hash = createHash('sha256');
    for (const part of this.#hashes) hash.update(part.digest());
    return hash.digest('hex');
  }

  /** Reads all messages to their ends, for their digest alone. */
  async drain(): Promise<void> {
    for (const { chunks } of this.messages) for await (const chunk of chunks) void chunk;
  }

  async *#read(chunks: ByteChunks, index: number): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.#hashes[index]?.update(chunk);
      yield chunk;
    }
  }
}
