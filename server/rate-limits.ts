import { isIPv6 } from 'node:net';
import { Refusal } from './refusal.ts';

/** How fast clients may ask. */
export interface RateOptions {
  /** Requests per second of one id that belongs to a colony or owns one; twice as many at once. 0: without limit. */
  readonly memberRequestsPerSecond?: number;
  /**
   * Requests per second from one address that are signed by nobody this server knows; ten times as many at once. 0:
   * without limit.
   */
  readonly strangerRequestsPerSecond?: number;
}

/** Our executors ask a few times per process; this is more than one server answers. */
const DEFAULT_MEMBER_REQUESTS_PER_SECOND = 5000;
/** Looking at a stranger's signature takes about 0.1 ms. */
const DEFAULT_STRANGER_REQUESTS_PER_SECOND = 200;
/** Whoever was quiet may do so many seconds' worth at once. */
const MEMBER_BURST_SECONDS = 2;
const STRANGER_BURST_SECONDS = 10;
/** A stranger's request counts once more for every so many characters. */
const CHARACTERS_PER_TOKEN = 16 * 1024;
/** Somebody known is looked up again after so long. */
const KNOWN_FOR_MS = 60_000;
/** So many ids, and so many addresses, are remembered; then the one seen first is forgotten. */
const MAX_REMEMBERED = 10_000;

/** Keeps clients from asking more than their share. */
export interface RateLimiter {
  /**
   * Admits a request before anything of it has been looked at.
   *
   * @throws Refusal 429 when its address has sent too much that nobody known has signed
   */
  enter(address: string, length?: number): void;
  /**
   * Counts a request whose signer is known by id.
   *
   * @param length of the request, as for the others: a stranger's long one counts for many
   * @throws Refusal 429 when that is too much
   */
  signedBy(callerId: string, address: string, length?: number): void;
  /**
   * Counts further messages of a request that was counted as one: all of them or none. Where some are admitted the others
   * are, too, and owed: what is more than an id may ask at once could never be asked otherwise.
   *
   * @throws Refusal 429 when that is too much
   */
  furtherBy(callerId: string, address: string, messageCount: number): void;
  /**
   * Counts a request that nobody can have signed, or that needs no signature.
   *
   * @throws Refusal 429 when that is too much
   */
  unsigned(address: string, length?: number): void;
}

/** Tokens that come at a steady pace: every request takes one. */
export interface Bucket {
  tokens: number;
  atMs: number;
}

interface MemberBucket extends Bucket {
  knownUntilMs: number;
}

/**
 * Creates a limiter. It remembers a bounded number of ids and addresses.
 *
 * Signatures cost the server more than the client who makes them up, so whoever keeps sending bad ones is refused before
 * they are looked at. Members behind the same address can still get through then: as many requests as it takes strangers
 * to run into the limit are let in to have their signatures looked at.
 *
 * @param isKnown whether an id belongs to a colony, or owns one or the server
 * @param clock milliseconds that never go back
 */
export function createRateLimiter(
  options: RateOptions,
  isKnown: (id: string) => boolean,
  clock: () => number = () => performance.now(),
): RateLimiter {
  const memberRate = options.memberRequestsPerSecond ?? DEFAULT_MEMBER_REQUESTS_PER_SECOND;
  const strangerRate = options.strangerRequestsPerSecond ?? DEFAULT_STRANGER_REQUESTS_PER_SECOND;
  const members = new Map<string, MemberBucket>();
  const strangers = new Map<string, Bucket>();
  // What is long has a budget of its own there: it must not use up what members need for their short requests.
  const suspects = new Map<string, { readonly short: Bucket; readonly long: Bucket }>();

  const charge = (address: string, price: number): void => {
    if (strangerRate === 0) return;
    const [key, nowMs] = [networkOf(address), clock()];
    const bucket = recall(strangers, key, () => ({ tokens: strangerRate * STRANGER_BURST_SECONDS, atMs: nowMs }));
    if (take(bucket, strangerRate, STRANGER_BURST_SECONDS, nowMs, price)) return;
    recall(suspects, key, () => ({ short: { tokens: 0, atMs: nowMs }, long: { tokens: 0, atMs: nowMs } }));
    throw tooMany('from this address by nobody this server knows', strangerRate);
  };
  const findMember = (callerId: string, nowMs: number): MemberBucket | undefined => {
    const bucket = members.get(callerId);
    if (bucket !== undefined && nowMs < bucket.knownUntilMs) return bucket;
    members.delete(callerId);
    if (!isKnown(callerId)) return undefined;
    const fresh = { tokens: memberRate * MEMBER_BURST_SECONDS, atMs: nowMs, ...bucket };
    return recall(members, callerId, () => ({ ...fresh, knownUntilMs: nowMs + KNOWN_FOR_MS }));
  };
  const chargeSigner = (callerId: string, address: string, price: number, priceOfStranger = price): void => {
    const nowMs = clock();
    const bucket = findMember(callerId, nowMs);
    if (bucket === undefined) charge(address, priceOfStranger);
    else if (memberRate !== 0 && !take(bucket, memberRate, MEMBER_BURST_SECONDS, nowMs, price)) {
      throw tooMany('with this key', memberRate);
    }
  };
  return {
    enter(address, length = 0) {
      if (suspects.size === 0) return;
      const [key, nowMs] = [networkOf(address), clock()];
      const [suspect, price] = [suspects.get(key), priceOf(length)];
      if (suspect === undefined) return;
      if (hasRecovered(strangers.get(key), strangerRate, nowMs)) suspects.delete(key);
      else if (!take(price === 1 ? suspect.short : suspect.long, strangerRate, 1, nowMs, price)) {
        throw tooMany('from this address by nobody this server knows', strangerRate);
      }
    },
    signedBy: (callerId, address, length) => chargeSigner(callerId, address, 1, priceOf(length)),
    furtherBy: (callerId, address, messageCount) => chargeSigner(callerId, address, messageCount),
    unsigned: (address, length) => charge(address, priceOf(length)),
  };
}

/** Scanning and hashing what is long takes long. */
function priceOf(length = 0): number {
  return 1 + Math.floor(length / CHARACTERS_PER_TOKEN);
}

/** Takes tokens if there is one; what is missing is owed. */
export function take(bucket: Bucket, perSecond: number, burstSeconds: number, nowMs: number, price = 1): boolean {
  const gained = ((nowMs - bucket.atMs) / 1000) * perSecond;
  bucket.tokens = Math.min(perSecond * burstSeconds, bucket.tokens + gained);
  bucket.atMs = nowMs;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= price;
  return true;
}

/** Whether an address has been quiet long enough to be trusted with a second's worth again. */
function hasRecovered(bucket: Bucket | undefined, perSecond: number, nowMs: number): boolean {
  return bucket === undefined || bucket.tokens + ((nowMs - bucket.atMs) / 1000) * perSecond >= perSecond;
}

/** The bucket of that key, or a new one; only so many are remembered, and the oldest one is forgotten then. */
export function recall<B>(buckets: Map<string, B>, key: string, create: () => B): B {
  const known = buckets.get(key);
  if (known !== undefined) return known;
  const [first] = buckets.keys();
  if (buckets.size >= MAX_REMEMBERED && first !== undefined) buckets.delete(first);
  const bucket = create();
  buckets.set(key, bucket);
  return bucket;
}

function tooMany(whose: string, perSecond: number): Refusal {
  return new Refusal(429, `Too many requests ${whose}, expected at most ${perSecond} per second; try again later`, 1);
}

/** One subscriber of IPv6 has a whole /64 of addresses (RFC 6177). */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  return expandIpv6(address).slice(0, 4).join(':');
}

/** The eight groups of an IPv6 address. */
function expandIpv6(address: string): string[] {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const groups = head.split(':');
  if (tail === undefined) return groups;
  const rest = tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(Math.max(0, 8 - groups.length - rest.length)).fill('0');
  return [...groups, ...zeros, ...rest];
}
