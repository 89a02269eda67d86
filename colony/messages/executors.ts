import * as z from 'zod';
import { recordOf } from './first-fault.ts';
import { defineMessage, Nothing } from './message.ts';
import { Gpu } from './processes.ts';
import {
  boolean,
  field,
  integer,
  list,
  nested,
  nullableList,
  number,
  numbered,
  optionalList,
  optionalText,
  passedOn,
  text,
  time,
  wireObject,
} from './wire.ts';

/** The states of executors, in the order of their numbers on the wire. */
export const EXECUTOR_STATES = ['pending', 'approved', 'rejected', 'unregistered'] as const;
/** A state of an executor. */
export type ExecutorState = (typeof EXECUTOR_STATES)[number];

const Hardware = wireObject({
  model: field('model', text),
  nodes: field('nodes', integer),
  cpu: field('cpu', text),
  cores: field('cores', integer),
  memory: field('mem', text),
  storage: field('storage', text),
  gpu: field('gpu', nested(Gpu)),
  platform: field('platform', text),
  architecture: field('architecture', text),
  network: field('network', nullableList(z.string())),
});
const Software = wireObject({ name: field('name', text), type: field('type', text), version: field('version', text) });
const Capabilities = wireObject({
  hardware: field('hardware', nullableList(Hardware)),
  software: field('software', nullableList(Software)),
});

const Project = wireObject({
  allocatedCpu: field('allocatedcpu', integer),
  usedCpu: field('usedcpu', integer),
  allocatedGpu: field('allocatedgpu', integer),
  usedGpu: field('usedgpu', integer),
  allocatedStorage: field('allocatedstorage', integer),
  usedStorage: field('usedstorage', integer),
});
const Allocations = wireObject({ projects: field('projects', recordOf(Project).nullable().default(null)) });

const executorCodec = wireObject({
  executorId: field('executorid', text),
  executorType: field('executortype', text),
  executorName: field('executorname', text),
  colonyName: field('colonyname', text),
  state: field('state', numbered(EXECUTOR_STATES).optional()),
  requireFunctionRegistration: field('requirefuncreg', boolean),
  commissionTime: field('commissiontime', time),
  lastHeardFromTime: field('lastheardfromtime', time),
  locationName: field('locationname', optionalText),
  capabilities: field('capabilities', passedOn(Capabilities)),
  allocations: field('allocations', passedOn(Allocations)),
  blueprintId: field('blueprintid', optionalText),
  blueprintGeneration: field('blueprintgen', z.number().int().optional()),
});
/** A daemon that may run functions of its type, once the colony's owner has approved it. */
export interface Executor extends z.output<typeof executorCodec> {}
/** @see {@link Executor} */
export const Executor: z.ZodType<Executor> = executorCodec;

const FunctionArgument = wireObject({
  name: field('name', text),
  type: field('type', text),
  description: field('description', optionalText),
  required: field('required', z.boolean().optional()),
  enum: field('enum', optionalList(z.string())),
});

const registeredFunctionCodec = wireObject({
  functionId: field('functionid', text),
  executorName: field('executorname', text),
  executorType: field('executortype', text),
  colonyName: field('colonyname', text),
  functionName: field('funcname', text),
  description: field('description', optionalText),
  args: field('args', optionalList(FunctionArgument)),
  locationName: field('locationname', optionalText),
  counter: field('counter', integer),
  minWaitTimeSeconds: field('minwaittime', number),
  maxWaitTimeSeconds: field('maxwaittime', number),
  minExecTimeSeconds: field('minexectime', number),
  maxExecTimeSeconds: field('maxexectime', number),
  averageWaitTimeSeconds: field('avgwaittime', number),
  averageExecTimeSeconds: field('avgexectime', number),
});
/** A function that an executor says it runs, with statistics of its calls in seconds. */
export interface RegisteredFunction extends z.output<typeof registeredFunctionCodec> {}
/** @see {@link RegisteredFunction} */
export const RegisteredFunction: z.ZodType<RegisteredFunction> = registeredFunctionCodec;

const colonyName = field('colonyname', text);
const executorName = field('executorname', text);

/** Registers an executor, pending. Role: colony owner. */
export const addExecutor = defineMessage('addexecutormsg', { executor: field('executor', Executor) }, Executor);
/** Lets an executor work. Role: colony owner. */
export const approveExecutor = defineMessage('approveexecutormsg', { colonyName, executorName }, Nothing);
/** Keeps an executor from working. Role: colony owner. */
export const rejectExecutor = defineMessage('rejectexecutormsg', { colonyName, executorName }, Nothing);
/** Unregisters an executor; what it was running waits again. Role: colony owner. */
export const removeExecutor = defineMessage('removeexecutormsg', { colonyName, executorName }, Nothing);
/** All executors of a colony, unregistered ones included. Role: member, in whatever state. */
export const getExecutors = defineMessage('getexecutorsmsg', { colonyName }, list(Executor));
/** One executor by name. Role: member. */
export const getExecutor = defineMessage('getexecutormsg', { colonyName, executorName }, Executor);
/** One executor by id. Role: member. */
export const getExecutorById = defineMessage(
  'getexecutorbyidmsg',
  { colonyName, executorId: field('executorid', text) },
  Executor,
);
/** Gives the calling executor another id. Role: member, in whatever state. */
export const changeExecutorId = defineMessage(
  'changeexecutoridmsg',
  { colonyName, executorId: field('executorid', text) },
  z.looseObject({}),
);
/** Reports what the calling executor has allocated. Role: the executor itself. */
export const reportAllocations = defineMessage(
  'reportallocationmsg',
  { colonyName, executorName, allocations: field('allocations', passedOn(Allocations)) },
  Nothing,
);
/** Reports what the calling executor is capable of. Role: the executor itself. */
export const updateExecutor = defineMessage(
  'updateexecutormsg',
  { colonyName, executorName, capabilities: field('capabilities', passedOn(Capabilities)) },
  Nothing,
);

/** Registers a function of the calling executor. Role: the executor itself. */
export const addFunction = defineMessage(
  'addfunctionmsg',
  { function: field('fun', RegisteredFunction) },
  RegisteredFunction,
);
/** Functions of one executor, or of the whole colony when the name is empty. Role: member. */
export const getFunctions = defineMessage('getfunctionsmsg', { colonyName, executorName }, list(RegisteredFunction));
/** Forgets a function of the calling executor. Role: the executor itself. */
export const removeFunction = defineMessage('removefunctionmsg', { functionId: field('functionid', text) }, Nothing);
