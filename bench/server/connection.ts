import { connect, type Socket } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * One kept-alive HTTP connection that posts one body at a time. Written for this benchmark, because Node's own client
 * takes longer than the server does, and both share the processors.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #head: string;
  #received: Buffer = Buffer.alloc(0);
  #settle: { resolve: (body: string) => void; reject: (reason: Error) => void } | undefined;

  private constructor(socket: Socket, port: number) {
    this.#socket = socket;
    this.#head = `POST /api HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-length: `;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('close', () => this.#settle?.reject(new Error('bench: expected an answer, got a closed connection')));
    socket.on('error', (error) => this.#settle?.reject(error));
  }

  /** Connects to a server on this machine. */
  static open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new Connection(socket, port)));
      socket.once('error', reject);
    });
  }

  /** Sends a body; the body of the answer. */
  post(body: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#socket.write(`${this.#head}${Buffer.byteLength(body)}\r\n\r\n${body}`);
    });
  }

  /** Closes the connection; an answer that is due is given up. */
  close(): void {
    this.#settle = undefined;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd === -1) return;
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#received.toString('latin1', 0, headEnd + 2))?.[1];
    const bodyStart = headEnd + HEAD_END.length;
    if (length === undefined) throw new Error('bench: expected an answer with a content-length, got one without');
    if (this.#received.length < bodyStart + Number(length)) return;
    const body = this.#received.toString('utf8', bodyStart, bodyStart + Number(length));
    this.#received = this.#received.subarray(bodyStart + Number(length));
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.resolve(body);
  }
}
