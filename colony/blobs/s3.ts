import { Readable } from 'node:stream';
import { AwsV4Signer } from 'aws4fetch';
import { ColonyError, ConnectionError } from '../errors.ts';
import { type Answer, exchange } from './exchange.ts';
import { type BlobReference, digestOf, referenceTo } from './reference.ts';
import type { BlobBackend } from './store.ts';

/** A bucket of a storage that speaks S3, and the key to it. */
export interface S3Settings {
  /** Host and port without scheme. */
  readonly endpoint: string;
  readonly accessKey: string;
  /** Secret. */
  readonly secretKey: string;
  readonly region: string;
  readonly bucket: string;
  /** Whether to speak HTTPS. */
  readonly tls: boolean;
  /** Whether to take any certificate. */
  readonly skipVerify: boolean;
}

/** SHA-256 of nothing: the body of requests without one. */
const EMPTY_DIGEST = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/**
 * Blobs as objects `sha256/<digest>` of a bucket, in the addressing by path that every implementation knows. Requests are
 * signed with Signature Version 4; the signature of an upload covers the digest of its content, which S3 checks.
 *
 * @param readFrom the object that is read instead, where another program has put the bytes there
 */
export function s3Backend(settings: S3Settings, stallMs: number, readFrom?: string): BlobBackend {
  const { endpoint, bucket, tls } = settings;
  const base = `${tls ? 'https' : 'http'}://${endpoint}/${bucket}`;
  const send = (request: S3Request): Promise<Answer> => sendSigned(settings, base, stallMs, request);
  const has = async (reference: BlobReference, signal: AbortSignal | undefined): Promise<boolean> => {
    const answer = await send({ method: 'HEAD', path: keyOf(reference), signal });
    answer.drop();
    if (answer.status === 404) return false;
    if (answer.status === 200) return answer.headers['content-length'] === String(reference.bytes);
    throw await refusalIn(answer, settings);
  };
  const createBucket = async (signal: AbortSignal | undefined): Promise<void> => {
    const answer = await send({ method: 'PUT', path: '', signal, ...locationOf(settings) });
    if (answer.status !== 200 && answer.status !== 409) throw await refusalIn(answer, settings);
    answer.drop();
  };
  return {
    name: `bucket ${bucket} at ${endpoint}`,
    isAvailable: async () => true,
    has,
    async upload(content, signal) {
      const { reference } = content;
      if (await has(reference, signal)) return;
      const put = (): Promise<Answer> =>
        send({
          method: 'PUT',
          path: keyOf(reference),
          signal,
          content: content.read(),
          bytes: reference.bytes,
          digest: digestOf(reference.blob),
        });
      let answer = await put();
      if (answer.status === 404) {
        answer.drop();
        await createBucket(signal);
        answer = await put();
      }
      if (answer.status !== 200) throw await refusalIn(answer, settings);
      answer.drop();
      // Not every implementation compares the digest, but a length tells of what was cut.
      if (!(await has(reference, signal)))
        throw new ConnectionError('an object of another length', { code: 'BAD_GATEWAY' });
    },
    async download(reference, offset, signal) {
      const range: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` };
      const path = readFrom === undefined ? keyOf(reference) : pathTo(readFrom);
      const answer = await send({ method: 'GET', path, signal, headers: range });
      if (answer.status === (offset === 0 ? 200 : 206)) return answer;
      throw await refusalIn(answer, settings);
    },
  };
}

function keyOf({ blob }: BlobReference): string {
  return `/sha256/${digestOf(blob)}`;
}

/** A key that somebody else chose. What looks like a way upwards would lead out of the bucket. */
function pathTo(key: string): string {
  const names = key.split('/');
  if (key === '' || names.some((name) => name === '.' || name === '..')) {
    throw new ColonyError(`blob: expected the key of an object in a bucket, got one of ${key.length} characters`, {
      code: 'BLOB_NOT_FOUND',
    });
  }
  return `/${names.map(encodeURIComponent).join('/')}`;
}

interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT';
  readonly path: string;
  readonly signal: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly content?: AsyncIterable<Uint8Array>;
  readonly bytes?: number;
  readonly digest?: string;
}

async function sendSigned(settings: S3Settings, base: string, stallMs: number, request: S3Request): Promise<Answer> {
  const { method, path, content, bytes, digest = EMPTY_DIGEST, signal } = request;
  const { headers, url } = await new AwsV4Signer({
    method,
    url: `${base}${path}`,
    headers: { ...request.headers, 'x-amz-content-sha256': digest },
    accessKeyId: settings.accessKey,
    secretAccessKey: settings.secretKey,
    region: settings.region,
    service: 's3',
  }).sign();
  const length: Record<string, string> = bytes === undefined ? {} : { 'content-length': String(bytes) };
  return exchange({
    url,
    method,
    headers: { ...Object.fromEntries(headers), ...length },
    content,
    signal,
    stallMs,
    checkCertificate: !settings.skipVerify,
  });
}

/** Outside its home region, S3 wants to hear where a bucket shall be. */
function locationOf({ region }: S3Settings): Pick<S3Request, 'content' | 'bytes' | 'digest'> {
  if (region === 'us-east-1') return {};
  const configuration = Buffer.from(
    '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
      `<LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`,
  );
  const { blob, bytes } = referenceTo(configuration);
  return { content: Readable.from([configuration]), bytes, digest: digestOf(blob) };
}

const PASSING = new Set([408, 429, 500, 502, 503, 504]);

/** The storage's code, such as `SignatureDoesNotMatch`; the rest of its answer may quote what was sent. */
async function refusalIn(answer: Answer, { endpoint, bucket }: S3Settings): Promise<Error> {
  const [, code = 'no code'] = /<Code>(\w{1,64})<\/Code>/u.exec(await answer.text()) ?? [];
  if (PASSING.has(answer.status))
    return new ConnectionError(`status ${answer.status} (${code})`, { code: 'UNAVAILABLE' });
  const advice = answer.status === 404 ? '' : '; check the variables AWS_S3_…';
  return new ColonyError(`blob: bucket ${bucket} at ${endpoint} answered ${answer.status} (${code})${advice}`, {
    code: answer.status === 404 ? 'BLOB_NOT_FOUND' : 'S3_REFUSED',
  });
}
