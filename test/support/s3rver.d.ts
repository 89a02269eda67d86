/** What the tests use of an S3 server that has no types of its own. */
declare module '@20minutes/s3rver' {
  /** Where it listens. */
  interface ListeningAddress {
    readonly port: number;
  }

  /** How it is started. Its only key is `S3RVER` with the secret `S3RVER`. */
  interface S3rverOptions {
    readonly address: string;
    /** 0 lets the system choose. */
    readonly port: number;
    readonly directory: string;
    readonly silent: boolean;
    readonly vhostBuckets: boolean;
    /** Buckets that exist from the start. */
    readonly configureBuckets: readonly { readonly name: string; readonly configs: readonly string[] }[];
    /** PEM texts; with them it speaks HTTPS. */
    readonly key?: string;
    readonly cert?: string;
  }

  export default class S3rver {
    constructor(options: S3rverOptions);
    run(): Promise<ListeningAddress>;
  }
}
