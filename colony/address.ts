import { isIP } from 'node:net';
import { UserError } from './errors.ts';

/** Where a Colonies server listens. */
export interface ServerAddress {
  /** A name or an IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** Whether to speak HTTPS and WSS. */
  readonly tls: boolean;
}

/** The port that Colonies servers listen on unless told otherwise. */
export const DEFAULT_PORT = 50080;

/** Reads an address from a URL such as `http://localhost:50080`. */
export function addressFromUrl(url: URL): ServerAddress {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new UserError(`server address: expected http: or https:, got ${url.protocol}`);
  }
  const tls = url.protocol === 'https:';
  const impliedPort = tls ? 443 : 80;
  return { host: url.hostname.replace(/^\[|\]$/gu, ''), port: url.port === '' ? impliedPort : Number(url.port), tls };
}

/** Where messages are posted to. */
export function apiUrl(server: ServerAddress): URL {
  return serverUrl(server, '/api');
}

/** Where an embedded server offers something else than messages, such as `/backup`. */
export function serverUrl(server: ServerAddress, path: string): URL {
  return new URL(`${server.tls ? 'https' : 'http'}://${authority(server)}${path}`);
}

/** Where events are subscribed to. */
export function pubSubUrl(server: ServerAddress): URL {
  return new URL(`${server.tls ? 'wss' : 'ws'}://${authority(server)}/pubsub`);
}

/** The address as people write it: `https://example.org:50080`. */
export function formatAddress(server: ServerAddress): string {
  return `${server.tls ? 'https' : 'http'}://${authority(server)}`;
}

/** Whether the address never leaves this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function authority({ host, port }: ServerAddress): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
