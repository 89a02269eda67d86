import type { Handler } from '../handler.ts';
import { attributeHandlers } from './attributes.ts';
import { blueprintHandlers } from './blueprints.ts';
import { channelHandlers } from './channels.ts';
import { colonyHandlers, userHandlers } from './colonies.ts';
import { cronHandlers } from './crons.ts';
import { executorHandlers, selfReportHandlers } from './executors.ts';
import { fileHandlers, snapshotHandlers } from './files.ts';
import { functionHandlers } from './functions.ts';
import { identityHandlers } from './identities.ts';
import { locationHandlers } from './locations.ts';
import { generatorHandlers } from './generators.ts';
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
    cronHandlers,
    generatorHandlers,
    channelHandlers,
    logHandlers,
    identityHandlers,
    locationHandlers,
    fileHandlers,
    snapshotHandlers,
    blueprintHandlers,
  ]
    .flat()
    .map((handler) => [handler.type, handler]),
);
