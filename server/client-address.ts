import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { UserError } from '../colony/errors.ts';

/** Tells the address of whoever sends a request; limits of strangers are counted by it. */
export type ClientAddress = (request: IncomingMessage) => string;

/**
 * How to find the address of a client behind proxies. What a trusted proxy connects for stands in `X-Forwarded-For`, to
 * which each proxy appends whom it has heard from; so the last one that is no trusted proxy is the client. What stands
 * before it the client may have made up. The header of anybody else is not read.
 *
 * @param trustedProxies addresses, or networks such as `10.0.0.0/8`
 * @throws UserError for anything else, and for a network of all addresses
 */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress {
  if (trustedProxies.length === 0) return peerOf;
  const trusted = parseNetworks(trustedProxies);
  return (request) => {
    const peer = peerOf(request);
    if (!contains(trusted, peer)) return peer;
    return lastUntrusted(trusted, request.headers['x-forwarded-for']) ?? peer;
  };
}

/** The address at the other end of the connection. */
function peerOf({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? '';
}

/** Undefined without a header, and for one that is not made of addresses where it is read. */
function lastUntrusted(trusted: BlockList, header: string | string[] | undefined): string | undefined {
  // Node joins several headers of this name with commas.
  const entries = typeof header === 'string' ? header.split(',') : [];
  let address: string | undefined;
  for (const entry of entries.toReversed()) {
    address = parseEntry(entry.trim());
    if (address === undefined || !contains(trusted, address)) return address;
  }
  return address;
}

/** An address, with or without a port: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`. */
function parseEntry(entry: string): string | undefined {
  const { v6, v4 } = /^(?:\[(?<v6>[^\]]*)\]|(?<v4>[^:]*))(?::\d{1,5})?$/u.exec(entry)?.groups ?? {};
  const address = v6 ?? v4 ?? entry;
  const isAddress = v4 === undefined ? isIP(address) === 6 : isIP(address) === 4;
  return isAddress ? address : undefined;
}

function contains(networks: BlockList, address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/iu, '').replace(/%.*$/u, '');
  const version = isIP(plain);
  return version !== 0 && networks.check(plain, version === 4 ? 'ipv4' : 'ipv6');
}

function parseNetworks(texts: readonly string[]): BlockList {
  const networks = new BlockList();
  for (const text of texts) addNetwork(networks, text);
  return networks;
}

function addNetwork(networks: BlockList, text: string): void {
  const [address = '', prefix] = text.split(/\/(?=\d{1,3}$)/u);
  const version = isIP(address);
  const bits = version === 4 ? 32 : 128;
  const length = prefix === undefined ? bits : Number(prefix);
  if (version === 0 || address.includes('%') || length > bits || length === 0) {
    throw new UserError(
      `trusted proxy: expected an address such as 192.0.2.1 or a network such as 10.0.0.0/8 or 2001:db8::/32, got "${text.slice(0, 60)}"; name the proxies whose X-Forwarded-For is to be believed`,
    );
  }
  networks.addSubnet(address, length, version === 4 ? 'ipv4' : 'ipv6');
}
