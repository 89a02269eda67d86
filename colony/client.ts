import { addressFromUrl, apiUrl, type ServerAddress } from './address.ts';
import { call, type CallOptions, type Connection } from './call.ts';
import { ServerError } from './errors.ts';
import type { Identity } from './identity.ts';
import { createMessageBatches, type MessageBatches } from './message-batches.ts';
import { messages } from './messages/index.ts';
import type { Message, ReplyOf, RequestOf } from './messages/message.ts';

export type { CallOptions } from './call.ts';

/** How to reach a server, and as whom. */
export interface ClientOptions extends Omit<Connection, 'server' | 'url'> {
  readonly server: ServerAddress | URL;
}

type Messages = typeof messages;
/** The name of a message: the client's method for it. */
export type MessageName = keyof Messages;

/**
 * One typed method per message of the protocol, named as in `messages/index.ts`. Every method throws
 * {@link ServerError} when the server refuses, {@link ConnectionError} when it cannot be reached or understood, and
 * the signal's reason when that fires.
 *
 * @example const { version } = await createColoniesClient({ server }).getVersion({});
 */
export type ColoniesClient = {
  readonly [Name in MessageName]: (
    request: RequestOf<Messages[Name]>,
    options?: CallOptions,
  ) => Promise<ReplyOf<Messages[Name]>>;
} & MessageBatches & {
    readonly server: ServerAddress;
    readonly identity: Identity | undefined;
  };

/** Makes a client. It holds no connection of its own: there is nothing to close. */
export function createColoniesClient(options: ClientOptions): ColoniesClient {
  const server = options.server instanceof URL ? addressFromUrl(options.server) : options.server;
  const connection: Connection = { ...options, server, url: apiUrl(server) };
  const methods = Object.fromEntries(
    Object.entries<Message>(messages).map(([name, message]) => [
      name,
      (request: unknown, callOptions: CallOptions = {}) => call(connection, message, request, callOptions),
    ]),
  );
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the entries come from `messages`, as the type says
  return {
    ...methods,
    ...createMessageBatches(connection),
    server,
    identity: options.identity,
  } as unknown as ColoniesClient;
}

/** Whether this only says that an assign call found nothing to do. */
export function isNothingToAssign(error: unknown): boolean {
  return (
    error instanceof ServerError &&
    error.status === 404 &&
    error.serverMessage === 'No process available for assignment'
  );
}
