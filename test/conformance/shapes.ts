import * as z from 'zod';

/**
 * What stands on the wire in answers, key by key: nothing may be missing, nothing more may be there. Lists may be null,
 * as Go writes empty ones.
 */

/** RFC 3339 with up to nine digits of fraction. Servers under test run with TZ=UTC. */
const Time = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/u);
/** How a time that is not set is written. */
export const UNSET = '0001-01-01T00:00:00Z';

const Id = z.string().regex(/^[0-9a-f]{64}$/u);
const IdOrNone = z.union([Id, z.literal('')]);
const Integer = z.number().refine(Number.isInteger);
const State = Integer.check(z.gte(0), z.lte(4));

function listOf<S extends z.ZodType>(element: S) {
  return z
    .array(element)
    .nullable()
    .transform((list) => list ?? []);
}

/** A list in an answer, which may be null when it is empty. */
export const list = listOf;

/** The answer of messages that only do something. */
export const Nothing = z.strictObject({});

const Conditions = z.strictObject({
  colonyname: z.string(),
  executornames: z.array(z.string()).nullable(),
  executortype: z.string(),
  locationname: z.string().optional(),
  dependencies: z.array(z.string()),
  nodes: Integer,
  cpu: z.string().regex(/^-?\d+m$/u),
  processes: Integer,
  processespernode: Integer,
  mem: z.string().regex(/^-?\d+Mi$/u),
  storage: z.string().regex(/^-?\d+Mi$/u),
  gpu: z.strictObject({ name: z.string(), mem: z.string(), count: Integer, nodecount: Integer }),
  walltime: Integer,
});

/** A function spec, as servers give it back. */
const FunctionSpec = z.strictObject({
  nodename: z.string(),
  funcname: z.string(),
  args: z.array(z.unknown()),
  kwargs: z.record(z.string(), z.unknown()),
  priority: Integer,
  maxwaittime: Integer,
  maxexectime: Integer,
  maxretries: Integer,
  conditions: Conditions,
  label: z.string(),
  fs: z.strictObject({ mount: z.string(), snapshots: z.unknown(), dirs: z.unknown() }),
  env: z.record(z.string(), z.string()),
  channels: z.array(z.string()).optional(),
});

/** An attribute. */
export const Attribute = z.strictObject({
  attributeid: Id,
  targetid: Id,
  targetcolonyname: z.string(),
  targetprocessgraphid: IdOrNone,
  state: State,
  attributetype: Integer,
  key: z.string(),
  value: z.string(),
});

/** A process. */
export const Process = z.strictObject({
  processid: Id,
  initiatorid: IdOrNone,
  initiatorname: z.string(),
  assignedexecutorid: IdOrNone,
  isassigned: z.boolean(),
  state: State,
  prioritytime: Integer,
  submissiontime: Time,
  starttime: Time,
  endtime: Time,
  waitdeadline: Time,
  execdeadline: Time,
  retries: Integer,
  attributes: z.array(Attribute),
  spec: FunctionSpec,
  waitforparents: z.boolean(),
  parents: z.array(Id),
  children: z.array(Id),
  processgraphid: IdOrNone,
  in: listOf(z.unknown()),
  out: listOf(z.unknown()),
  errors: listOf(z.string()),
  /** Which execution this is, in answers of the embedded server to assign calls. */
  attempt: z.string().or(Integer).optional(),
  /** How many elements of `in` each parent gave, where the embedded server has given a process with parents out. */
  incounts: z.array(Integer).optional(),
});
/** @see {@link Process} */
export type Process = z.output<typeof Process>;

const GraphNode = z.strictObject({
  id: Id,
  data: z.strictObject({ label: z.string() }),
  position: z.strictObject({ x: z.number(), y: z.number() }),
  type: z.enum(['input', 'output', '']),
  style: z.strictObject({ color: z.string(), background: z.string().regex(/^#[0-9a-f]{6}$/u) }),
});
const GraphEdge = z.strictObject({ id: z.string(), source: Id, target: Id, animated: z.boolean() });

/** A workflow. */
export const Workflow = z.strictObject({
  processgraphid: Id,
  initiatorid: IdOrNone,
  initiatorname: z.string(),
  colonyname: z.string(),
  rootprocessids: listOf(Id),
  state: State,
  submissiontime: Time,
  starttime: Time,
  endtime: Time,
  processids: listOf(Id),
  nodes: z.array(GraphNode),
  edges: z.array(GraphEdge),
});
/** @see {@link Workflow} */
export type Workflow = z.output<typeof Workflow>;

/** A colony. */
export const Colony = z.strictObject({ colonyid: Id, name: z.string() });
/** A user. */
export const User = z.strictObject({
  colonyname: z.string(),
  userid: Id,
  name: z.string(),
  email: z.string(),
  phone: z.string(),
});
/** An executor. */
export const Executor = z.strictObject({
  executorid: Id,
  executortype: z.string(),
  executorname: z.string(),
  colonyname: z.string(),
  state: Integer.check(z.gte(0), z.lte(3)),
  requirefuncreg: z.boolean(),
  commissiontime: Time,
  lastheardfromtime: Time,
  locationname: z.string().optional(),
  capabilities: z.strictObject({
    hardware: z.array(z.unknown()).nullable(),
    software: z.array(z.unknown()).nullable(),
  }),
  allocations: z.strictObject({ projects: z.record(z.string(), z.unknown()).nullable() }),
  blueprintid: z.string().optional(),
  blueprintgen: Integer.optional(),
});
/** A function that an executor has registered. */
export const RegisteredFunction = z.strictObject({
  functionid: Id,
  executorname: z.string(),
  executortype: z.string(),
  colonyname: z.string(),
  funcname: z.string(),
  description: z.string().optional(),
  args: z.array(z.unknown()).optional(),
  locationname: z.string().optional(),
  counter: Integer,
  minwaittime: z.number(),
  maxwaittime: z.number(),
  minexectime: z.number(),
  maxexectime: z.number(),
  avgwaittime: z.number(),
  avgexectime: z.number(),
});

const STATISTICS = [
  'colonies',
  'executors',
  'activeexecutors',
  'unregisteredexecutors',
  'waitingprocesses',
  'runningprocesses',
  'successfulprocesses',
  'failedprocesses',
  'cancelledprocesses',
  'waitingworkflows',
  'runningworkflows',
  'successfulworkflows',
  'failedworkflows',
  'cancelledworkflows',
] as const;
/** Counts over a colony or a server. */
export const Statistics = z.record(z.enum(STATISTICS), Integer);
/** @see {@link Statistics} */
export type Statistics = z.output<typeof Statistics>;

/** One line of a log. */
export const Log = z.strictObject({
  processid: IdOrNone,
  colonyname: z.string(),
  executorname: z.string(),
  message: z.string(),
  timestamp: Integer,
});

/** A place. */
export const Location = z.strictObject({
  /** As the client sent it; the embedded server makes one where it sent none. */
  locationid: z.string(),
  name: z.string(),
  colonyname: z.string(),
  description: z.string(),
  long: z.number(),
  lat: z.number(),
});

/** A revision of a file. */
export const File = z.strictObject({
  fileid: Id,
  colonyname: z.string(),
  label: z.string(),
  name: z.string(),
  size: Integer,
  sequencenr: Integer,
  checksum: z.string(),
  checksumalg: z.string(),
  ref: z.strictObject({
    protocol: z.literal('s3'),
    s3object: z.strictObject({
      server: z.string(),
      port: Integer,
      tls: z.boolean(),
      accesskey: z.string(),
      secretkey: z.string(),
      region: z.string(),
      encryptionkey: z.string(),
      encryptionalg: z.string(),
      object: z.string(),
      bucket: z.string(),
    }),
  }),
  added: Time,
});
/** What a listing tells of a file. */
export const FileSummary = z.strictObject({
  name: z.string(),
  checksum: z.string(),
  size: Integer,
  s3filename: z.string(),
});
/** A label with the number of revisions under it. */
export const FileLabel = z.strictObject({ name: z.string(), files: Integer });
/** The state of a label at one moment. */
export const Snapshot = z.strictObject({
  snapshotid: Id,
  colonyname: z.string(),
  label: z.string(),
  name: z.string(),
  fileids: listOf(Id),
  added: Time,
});

/** A workflow that is submitted again and again. */
export const Cron = z.strictObject({
  cronid: Id,
  initiatorid: Id,
  initiatorname: z.string(),
  colonyname: z.string(),
  name: z.string(),
  cronexpression: z.string(),
  interval: Integer,
  random: z.boolean(),
  nextrun: Time,
  lastrun: Time,
  workflowspec: z.string(),
  prevprocessgraphid: IdOrNone,
  waitforprevprocessgraph: z.boolean(),
  checkerperiod: Integer,
});
/** A workflow that is submitted per batch of texts. */
export const Generator = z.strictObject({
  generatorid: Id,
  initiatorid: Id,
  initiatorname: z.string(),
  colonyname: z.string(),
  name: z.string(),
  workflowspec: z.string(),
  trigger: Integer,
  timeout: Integer,
  firstpack: Time,
  lastrun: Time,
  queuesize: Integer,
  checkerperiod: Integer,
});

/** One message in a channel. */
export const ChannelEntry = z.strictObject({
  sequence: Integer,
  inreplyto: Integer.optional(),
  timestamp: Time,
  senderid: Id,
  payload: z.base64(),
  type: z.string().optional(),
  error: z.string().optional(),
});
