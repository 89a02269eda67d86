import * as z from 'zod';
import { defineMessage, Nothing } from './message.ts';
import { boolean, field, integer, list, text, wireObject } from './wire.ts';

const colonyCodec = wireObject({ colonyId: field('colonyid', text), name: field('name', text) });
/** A colony: executors and users that trust one owner. */
export interface Colony extends z.output<typeof colonyCodec> {}
/** @see {@link Colony} */
export const Colony: z.ZodType<Colony> = colonyCodec;

const userCodec = wireObject({
  colonyName: field('colonyname', text),
  userId: field('userid', text),
  name: field('name', text),
  email: field('email', text),
  phone: field('phone', text),
});
/** Somebody who submits to a colony. */
export interface User extends z.output<typeof userCodec> {}
/** @see {@link User} */
export const User: z.ZodType<User> = userCodec;

const statisticsCodec = wireObject({
  colonies: field('colonies', integer),
  executors: field('executors', integer),
  activeExecutors: field('activeexecutors', integer),
  unregisteredExecutors: field('unregisteredexecutors', integer),
  waitingProcesses: field('waitingprocesses', integer),
  runningProcesses: field('runningprocesses', integer),
  successfulProcesses: field('successfulprocesses', integer),
  failedProcesses: field('failedprocesses', integer),
  cancelledProcesses: field('cancelledprocesses', integer),
  waitingWorkflows: field('waitingworkflows', integer),
  runningWorkflows: field('runningworkflows', integer),
  successfulWorkflows: field('successfulworkflows', integer),
  failedWorkflows: field('failedworkflows', integer),
  cancelledWorkflows: field('cancelledworkflows', integer),
});
/** How many of what there is. */
export interface Statistics extends z.output<typeof statisticsCodec> {}
/** @see {@link Statistics} */
export const Statistics: z.ZodType<Statistics> = statisticsCodec;

const Backend = wireObject({
  type: field('type', text),
  port: field('port', integer),
  host: field('host', text),
  tls: field('tls', z.boolean().optional()),
  insecure: field('insecure', z.boolean().optional()),
});

const serverInfoCodec = wireObject({
  buildVersion: field('buildversion', text),
  buildTime: field('buildtime', text),
  backends: field('backends', list(Backend)),
  /** Whether a request that carries a nonce and comes twice, byte for byte the same, is executed once. Ours alone. */
  deduplicates: field('deduplicates', z.boolean().optional()),
  /** Whether one signed request may carry several messages (`batchmsg`). Ours alone. */
  batches: field('batches', z.boolean().optional()),
  /** Whether it stores blobs at `/blobs/…`. Ours alone. */
  blobs: field('blobs', z.boolean().optional()),
});
/** What a server says of itself. */
export interface ServerInfo extends z.output<typeof serverInfoCodec> {}
/** @see {@link ServerInfo} */
export const ServerInfo: z.ZodType<ServerInfo> = serverInfoCodec;

const colonyName = field('colonyname', text);
const name = field('name', text);

const ClusterNode = wireObject({
  name: field('name', text),
  host: field('host', text),
  port: field('port', integer),
  peerPort: field('peerport', integer),
  relayPort: field('relayport', integer),
  apiPort: field('apiport', integer),
});

const clusterCodec = wireObject({ nodes: field('nodes', list(ClusterNode)), leader: field('leader', ClusterNode) });
/** The servers that work together, and which of them leads. */
export interface Cluster extends z.output<typeof clusterCodec> {}
/** @see {@link Cluster} */
export const Cluster: z.ZodType<Cluster> = clusterCodec;

/** Some requests are answered with what they asked for. */
const Echo = z.looseObject({});

/** The server's build. Unsigned. */
export const getVersion = defineMessage(
  'versionmsg',
  {},
  wireObject({ buildVersion: field('buildversion', text), buildTime: field('buildtime', text) }),
);
/** What the server says of itself. Unsigned. */
export const getServerInfo = defineMessage('getserverinfomsg', {}, ServerInfo);
/** Counts over the whole server. Role: server owner. */
export const getStatistics = defineMessage('getstatisticsmsg', {}, Statistics);
/** Counts over a colony. Role: member. */
export const getColonyStatistics = defineMessage('getcolonystatsmsg', { colonyName }, Statistics);
/** The servers of a cluster. Role: server owner. */
export const getCluster = defineMessage('getclustermsg', {}, Cluster);
/** Hands the server over to another id. Role: server owner. */
export const changeServerId = defineMessage('changeserveridmsg', { serverId: field('serverid', text) }, Echo);
/** Founds a colony. Role: server owner. */
export const addColony = defineMessage('addcolonymsg', { colony: field('colony', Colony) }, Colony);
/** Removes a colony and everything in it. Role: server owner. */
export const removeColony = defineMessage('removecolonymsg', { colonyName }, Nothing);
/** All colonies. Role: server owner. */
export const getColonies = defineMessage('getcoloniesmsg', {}, list(Colony));
/** One colony. Role: member. */
export const getColony = defineMessage('getcolonymsg', { colonyName }, Colony);
/** Adds a user. Role: colony owner. */
export const addUser = defineMessage('addusermsg', { user: field('user', User) }, User);
/** Hands a colony over to another id. Role: colony owner. */
export const changeColonyId = defineMessage(
  'changecolonyidmsg',
  { colonyName, colonyId: field('colonyid', text) },
  Echo,
);
/** Gives the calling user another id. Role: member, in whatever state. */
export const changeUserId = defineMessage('changeuseridmsg', { colonyName, userId: field('userid', text) }, Echo);
/** All users of a colony. Role: member, in whatever state. */
export const getUsers = defineMessage('getusersmsg', { colonyName }, list(User));
/** One user by name. Role: member, in whatever state. */
export const getUser = defineMessage('getusermsg', { colonyName, name }, User);
/** One user by id. Role: member, in whatever state. */
export const getUserById = defineMessage('getuserbyidmsg', { colonyName, userId: field('userid', text) }, User);
/** Removes a user. Role: colony owner. */
export const removeUser = defineMessage('removeusermsg', { colonyName, name }, Nothing);
/** Whether assignment is paused in a colony. Role: member, in whatever state. */
export const getPauseStatus = defineMessage(
  'getpausestatusmsg',
  { colonyName },
  wireObject({ colonyName: field('colonyname', text), isPaused: field('ispaused', boolean) }),
);
/** Stops handing out processes. Role: colony owner. */
export const pauseAssignments = defineMessage('pauseassignmentsmsg', { colonyName }, Nothing);
/** Hands out processes again. Role: colony owner. */
export const resumeAssignments = defineMessage('resumeassignmentsmsg', { colonyName }, Nothing);
