import * as z from 'zod';
import { defineMessage, Nothing } from './message.ts';
import {
  boolean,
  field,
  id,
  integer,
  list,
  map,
  nested,
  nullableList,
  number,
  numbered,
  optionalId,
  optionalInteger,
  optionalList,
  optionalText,
  passedOn,
  text,
  time,
  wireObject,
} from './wire.ts';

/** The states of processes and workflows, in the order of their numbers on the wire. */
export const PROCESS_STATES = ['waiting', 'running', 'success', 'failed', 'cancelled'] as const;
/** A state of a process or workflow. */
export type ProcessState = (typeof PROCESS_STATES)[number];
/** State codec: 0 to 4 on the wire. */
export const ProcessState = numbered(PROCESS_STATES);

/** Whether nothing more will happen to a process in this state. */
export function isFinal(state: ProcessState): boolean {
  return state === 'success' || state === 'failed' || state === 'cancelled';
}

/** Graphics processors: what is wanted, or what there is. */
export const Gpu = wireObject({
  name: field('name', text),
  memory: field('mem', text),
  count: field('count', integer),
  nodeCount: field('nodecount', integer),
});

const conditionsCodec = wireObject({
  colonyName: field('colonyname', text),
  executorNames: field('executornames', list(z.string())),
  executorType: field('executortype', text),
  locationName: field('locationname', optionalText),
  dependencies: field('dependencies', list(z.string())),
  nodes: field('nodes', integer),
  cpu: field('cpu', text),
  processes: field('processes', integer),
  processesPerNode: field('processespernode', integer),
  memory: field('mem', text),
  storage: field('storage', text),
  gpu: field('gpu', Gpu.nullish()),
  wallTimeSeconds: field('walltime', integer),
});
/** Which executors may run a function, and what it needs. Amounts are texts such as `500m` and `2Gi`. */
export interface Conditions extends z.output<typeof conditionsCodec> {}
/** @see {@link Conditions} */
export const Conditions: z.ZodType<Conditions> = conditionsCodec;

const SnapshotMount = wireObject({
  snapshotId: field('snapshotid', text),
  label: field('label', text),
  directory: field('dir', text),
  keepFiles: field('keepfiles', boolean),
  keepSnapshot: field('keepsnapshot', boolean),
});
const OnConflict = wireObject({ keepLocal: field('keeplocal', boolean) });
const DirectoryMount = wireObject({
  label: field('label', text),
  directory: field('dir', text),
  keepFiles: field('keepfiles', boolean),
  onConflicts: field(
    'onconflicts',
    nested(
      wireObject({ onStart: field('onstart', nested(OnConflict)), onClose: field('onclose', nested(OnConflict)) }),
    ),
  ),
});
const Filesystem = wireObject({
  mount: field('mount', text),
  snapshots: field('snapshots', nullableList(SnapshotMount)),
  directories: field('dirs', nullableList(DirectoryMount)),
});

const functionSpecCodec = wireObject({
  nodeName: field('nodename', text),
  functionName: field('funcname', text),
  args: field('args', list(z.unknown())),
  kwargs: field('kwargs', map(z.unknown())),
  priority: field('priority', integer),
  /** At most this long in the queue; 0 or less means no limit. */
  maxWaitTimeSeconds: field('maxwaittime', integer),
  /** At most this long in one execution; -1 means no limit (0 expires at once on the official server). */
  maxExecTimeSeconds: field('maxexectime', integer),
  /** How many further attempts follow an execution that ran out of time; negative means any number. */
  maxRetries: field('maxretries', integer),
  conditions: field('conditions', nested(Conditions)),
  label: field('label', text),
  filesystem: field('fs', passedOn(Filesystem)),
  env: field('env', map(z.string())),
  channels: field('channels', optionalList(z.string())),
});
/** What is to be run, where, and within which limits. */
export interface FunctionSpec extends z.output<typeof functionSpecCodec> {}
/** @see {@link FunctionSpec} */
export const FunctionSpec: z.ZodType<FunctionSpec> = functionSpecCodec;

const attributeCodec = wireObject({
  attributeId: field('attributeid', text),
  processId: field('targetid', text),
  colonyName: field('targetcolonyname', text),
  workflowId: field('targetprocessgraphid', text),
  state: field('state', integer),
  /** 0 input, 1 output, 2 error, 3 environment. */
  attributeType: field('attributetype', integer),
  key: field('key', text),
  value: field('value', text),
});
/** A key and a value attached to a process. */
export interface Attribute extends z.output<typeof attributeCodec> {}
/** @see {@link Attribute} */
export const Attribute: z.ZodType<Attribute> = attributeCodec;

const processCodec = wireObject({
  processId: field('processid', id),
  initiatorId: field('initiatorid', text),
  initiatorName: field('initiatorname', text),
  assignedExecutorId: field('assignedexecutorid', text),
  isAssigned: field('isassigned', boolean),
  state: field('state', ProcessState),
  /** Submission time in nanoseconds, one day earlier per step of priority: the order of the queue. */
  priorityTime: field('prioritytime', number),
  submissionTime: field('submissiontime', time),
  startTime: field('starttime', time),
  endTime: field('endtime', time),
  waitDeadline: field('waitdeadline', time),
  execDeadline: field('execdeadline', time),
  retries: field('retries', integer),
  /** How often it has been given to an executor; absent from servers that do not count. Ours alone. */
  attempt: field('attempt', optionalInteger),
  attributes: field('attributes', list(Attribute)),
  spec: field('spec', FunctionSpec),
  waitForParents: field('waitforparents', boolean),
  parents: field('parents', list(id)),
  children: field('children', list(id)),
  workflowId: field('processgraphid', optionalId),
  input: field('in', list(z.unknown())),
  /**
   * How many elements of the input each parent gave, in the order of `parents`; absent before it was given to an executor,
   * where there are no parents, and from servers that do not say. Ours alone.
   */
  inputCounts: field('incounts', optionalList(z.number().int())),
  output: field('out', list(z.unknown())),
  errors: field('errors', list(z.string())),
});
/** One execution, wanted, running or past, of a function. */
export interface Process extends z.output<typeof processCodec> {}
/** @see {@link Process} */
export const Process: z.ZodType<Process> = processCodec;

/** Submits one function. Role: member. */
export const submitFunctionSpec = defineMessage('submitfuncspecmsg', { spec: field('spec', FunctionSpec) }, Process);

/**
 * Waits up to `timeoutSeconds` (not 0; negative asks without waiting) for a process of the caller's executor type.
 * Answered with status 404 when there is none. Role: approved executor.
 */
export const assignProcess = defineMessage(
  'assignprocessmsg',
  {
    colonyName: field('colonyname', text),
    timeoutSeconds: field('timeout', integer),
    availableCpu: field('availablecpu', text),
    availableMemory: field('availablemem', text),
  },
  Process,
);

const processId = field('processid', text);

/**
 * For which attempt at a process an executor speaks: what the process said when it was given. A server that counts
 * attempts refuses what an earlier one sends late, also when the later one is the same executor's. Absent: whichever
 * attempt runs, as the official server has it, which ignores the key.
 */
export const attempt = field('attempt', optionalInteger);

/** One process. Role: member. */
export const getProcess = defineMessage('getprocessmsg', { processId }, Process);

/** Processes in one state, at most 100. Role: member. */
export const getProcesses = defineMessage(
  'getprocessesmsg',
  {
    colonyName: field('colonyname', text),
    count: field('count', integer),
    state: field('state', integer),
    executorType: field('executortype', text),
    label: field('label', text),
    initiator: field('initiator', text),
  },
  list(Process),
);

/** Processes in one state of the last so many seconds, of one executor or (empty id) of all. Role: member. */
export const getProcessHistory = defineMessage(
  'getprocesshistmsg',
  {
    colonyName: field('colonyname', text),
    executorId: field('executorid', text),
    seconds: field('seconds', integer),
    state: field('state', integer),
  },
  list(Process),
);

/** Removes a process that is not running and not part of a workflow. Role: member. */
export const removeProcess = defineMessage('removeprocessmsg', { processId }, Nothing);

/** Removes the processes in a state (-1: all) that are not part of a workflow. Role: colony owner. */
export const removeAllProcesses = defineMessage(
  'removeallprocessesmsg',
  { colonyName: field('colonyname', text), state: field('state', integer) },
  Nothing,
);

/** Ends a process well. Role: the executor it is assigned to. */
export const closeSuccessful = defineMessage(
  'closesuccessfulmsg',
  { processId, attempt, output: field('out', list(z.unknown())) },
  Nothing,
);

/** Ends a process as failed, for good. Role: the executor it is assigned to. */
export const closeFailed = defineMessage(
  'closefailedmsg',
  { processId, attempt, errors: field('errors', list(z.string())) },
  Nothing,
);

/** Stores output without ending the process. Role: the executor it is assigned to. */
export const setOutput = defineMessage(
  'setoutputmsg',
  { processId, attempt, output: field('out', list(z.unknown())) },
  Nothing,
);

/** Cancels a process that is not part of a workflow. Role: member. */
export const cancelProcess = defineMessage('cancelprocessmsg', { processId }, Nothing);

/** Attaches a key and a value to a running process. Role: the executor it is assigned to. */
export const addAttribute = defineMessage(
  'addattributemsg',
  { attempt, attribute: field('attribute', Attribute) },
  Attribute,
);

/** One attribute. Role: member. */
export const getAttribute = defineMessage('getattributemsg', { attributeId: field('attributeid', text) }, Attribute);
