import S3rver from '@20minutes/s3rver';

/** An S3 server as a process of its own: options as JSON in the first argument, the port as a line on standard output. */
const options: { readonly directory: string; readonly key?: string; readonly cert?: string } = JSON.parse(
  process.argv[2] ?? '{}',
);
const { port } = await new S3rver({
  address: '127.0.0.1',
  port: 0,
  silent: true,
  vhostBuckets: false,
  configureBuckets: [{ name: 'shared', configs: [] }],
  ...options,
}).run();
process.stdout.write(`${port}\n`);
