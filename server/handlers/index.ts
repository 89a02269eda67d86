import type { Handler } from '../handler.ts';
import { attributeHandlers } from './attributes.ts';
import { colonyHandlers, userHandlers } from './colonies.ts';
import { executorHandlers, selfReportHandlers } from './executors.ts';
import { functionHandlers } from './functions.ts';
import { logHandlers } from './logs.ts';
import { processHandlers, processListHandlers } from './processes.ts';
import { serverInfoHandlers } from './server-info.ts';
import { workflowHandlers } from './workflows.ts';

/** Every message this server answers over HTTP, by its type. */
export const handlers: ReadonlyMap<string, Handler> = new Map(
  [
    serverInfoHandlers,
    colonyHandlers,
    userHandlers,
    executorHandlers,
    selfReportHandlers,
    functionHandlers,
    processHandlers,
    processListHandlers,
    attributeHandlers,
    workflowHandlers,
    logHandlers,
  ]
    .flat()
    .map((handler) => [handler.type, handler]),
);
