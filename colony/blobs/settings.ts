import { isLoopback } from '../address.ts';
import { UserError } from '../errors.ts';
import type { S3Settings } from './s3.ts';

type Reader = (name: string) => string | undefined;

/**
 * The storage that the variables of ColonyFS name: AWS_S3_ENDPOINT, AWS_S3_ACCESSKEY, AWS_S3_SECRETKEY, AWS_S3_BUCKET,
 * AWS_S3_REGION (us-east-1), AWS_S3_TLS (true, but false on this machine's own addresses), AWS_S3_SKIPVERIFY (false).
 *
 * @returns undefined without AWS_S3_ENDPOINT
 * @throws UserError that names the variable; it never shows a key
 */
export function loadS3Settings(env: NodeJS.ProcessEnv = process.env): S3Settings | undefined {
  // An empty variable counts as not set, as shells and compose files leave them behind.
  const read = (name: string): string | undefined => env[name]?.trim() || undefined;
  const endpoint = read('AWS_S3_ENDPOINT');
  if (endpoint === undefined) return undefined;
  return {
    endpoint: matching(
      'AWS_S3_ENDPOINT',
      endpoint,
      /^(?:[\w.-]+|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/u,
      'host:port without a scheme',
    ),
    accessKey: required(read, 'AWS_S3_ACCESSKEY'),
    secretKey: required(read, 'AWS_S3_SECRETKEY'),
    bucket: matching(
      'AWS_S3_BUCKET',
      required(read, 'AWS_S3_BUCKET'),
      /^[a-zA-Z0-9][\w.-]{0,254}$/u,
      'the name of a bucket',
    ),
    region: matching('AWS_S3_REGION', read('AWS_S3_REGION') ?? 'us-east-1', /^[\w-]{1,64}$/u, 'the name of a region'),
    tls: readBoolean(read, 'AWS_S3_TLS') ?? !isLoopback(endpoint.replace(/:\d+$/u, '').replace(/^\[|\]$/gu, '')),
    skipVerify: readBoolean(read, 'AWS_S3_SKIPVERIFY') ?? false,
  };
}

function required(read: Reader, name: string): string {
  const value = read(name);
  if (value !== undefined) return value;
  throw new UserError(
    `${name}: expected a value beside AWS_S3_ENDPOINT, got nothing; set it, or unset AWS_S3_ENDPOINT`,
  );
}

function matching(name: string, value: string, pattern: RegExp, what: string): string {
  if (pattern.test(value)) return value;
  throw new UserError(`${name}: expected ${what}, got "${value}"`);
}

function readBoolean(read: Reader, name: string): boolean | undefined {
  const text = read(name)?.toLowerCase();
  if (text === undefined) return undefined;
  if (text === 'true' || text === 'false') return text === 'true';
  throw new UserError(`${name}: expected true or false, got "${text}"`);
}
