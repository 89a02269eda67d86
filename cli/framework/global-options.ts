import type { ArgumentsOf } from '../command.ts';

/** Options of every command. */
export const GLOBAL_OPTIONS = {
  host: { type: 'string', describe: 'host name of the Colonies server' },
  port: { type: 'number', describe: 'port of the Colonies server', minimum: 0, maximum: 65_535 },
  insecure: { type: 'boolean', describe: 'speak plain HTTP to the server instead of HTTPS' },
  json: { type: 'boolean', describe: 'print one JSON document' },
  verbose: { type: 'boolean', alias: 'v', describe: 'say more about what happens' },
} as const;

/** Values of {@link GLOBAL_OPTIONS}. */
export type GlobalArguments = ArgumentsOf<typeof GLOBAL_OPTIONS>;

const VISIBLE = 'other users of this machine can see it: prefer';

/** Key of a user or executor, for commands that need a member of the colony. */
export const memberKey = {
  prvkey: { type: 'string', describe: `private key of a user or executor (${VISIBLE} COLONIES_PRVKEY)` },
} as const;

/** Key of the colony's owner. */
export const colonyKey = {
  colonyprvkey: { type: 'string', describe: `private key of the colony (${VISIBLE} COLONIES_COLONY_PRVKEY)` },
} as const;

/** Key of the server's owner. */
export const serverKey = {
  serverprvkey: { type: 'string', describe: `private key of the server (${VISIBLE} COLONIES_SERVER_PRVKEY)` },
} as const;

/** How many rows a list has at most. */
export const countOption = {
  count: { type: 'number', describe: 'at most so many', default: 20, minimum: 1, maximum: 100 },
} as const;

/** Does without the question whether the user means it. */
export const yesOption = {
  yes: { type: 'boolean', describe: 'do it without asking, where nobody can answer' },
} as const;

/** How commands that submit a process stay with it. */
export const stayOptions = {
  wait: { type: 'boolean', describe: 'wait until the process has finished; exit code 3 when it failed' },
  out: { type: 'boolean', describe: 'wait, and print the output instead of the process id' },
  follow: { type: 'boolean', describe: 'wait, and print the log of the process on standard error' },
} as const;
