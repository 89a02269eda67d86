import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { AwsClient } from 'aws4fetch';
import type { S3Settings } from '../../colony/blobs.ts';

/** A real S3 server as a process of its own, with its only key and one bucket. */
export interface S3Server extends AsyncDisposable {
  readonly settings: S3Settings;
  /** The same as the variables by which clients find it. */
  readonly env: Readonly<Record<string, string>>;
  readonly port: number;
  /** Where its objects lie. */
  readonly directory: string;
  /** Stores an object under a key of its own choice, as other programs do. */
  put(key: string, content: string): Promise<void>;
  /** The content of an object, or nothing. */
  get(key: string): Promise<string | undefined>;
}

const MAIN = fileURLToPath(new URL('./s3-server-main.ts', import.meta.url));
const KEY = 'S3RVER';
const BUCKET = 'shared';

/** Starts an {@link S3Server} on a free port; with PEM texts it speaks HTTPS. */
export async function startS3Server(tls: { readonly key?: string; readonly cert?: string } = {}): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), 's3-'));
  const options = JSON.stringify({ directory, ...tls });
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, options], { stdio: ['ignore', 'pipe', 'inherit'] });
  const end = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await rm(directory, { recursive: true, force: true });
  };
  for await (const line of createInterface({ input: child.stdout })) {
    const port = Number(line);
    const settings = settingsFor(port, tls.key !== undefined);
    return {
      settings,
      env: toVariables(settings),
      port,
      directory,
      ...objectsOf(settings),
      [Symbol.asyncDispose]: end,
    };
  }
  await end();
  throw new Error('S3 server: expected a port, got its end');
}

function settingsFor(port: number, tls: boolean): S3Settings {
  const endpoint = `127.0.0.1:${port}`;
  return { endpoint, tls, accessKey: KEY, secretKey: KEY, region: 'us-east-1', bucket: BUCKET, skipVerify: false };
}

function toVariables({ endpoint, tls, bucket }: S3Settings): Readonly<Record<string, string>> {
  return {
    AWS_S3_ENDPOINT: endpoint,
    AWS_S3_ACCESSKEY: KEY,
    AWS_S3_SECRETKEY: KEY,
    AWS_S3_BUCKET: bucket,
    AWS_S3_TLS: String(tls),
  };
}

function objectsOf({ endpoint, bucket }: S3Settings): Pick<S3Server, 'put' | 'get'> {
  const client = new AwsClient({ accessKeyId: KEY, secretAccessKey: KEY, service: 's3', region: 'us-east-1' });
  const urlOf = (key: string): string => `http://${endpoint}/${bucket}/${key}`;
  return {
    async put(key, content) {
      const response = await client.fetch(urlOf(key), { method: 'PUT', body: content });
      if (!response.ok) throw new Error(`the S3 server answered ${response.status}`);
    },
    async get(key) {
      const response = await client.fetch(urlOf(key));
      return response.ok ? await response.text() : undefined;
    },
  };
}
