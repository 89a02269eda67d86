/** The public face of the package: speak the Colonies protocol, and turn functions into executors. */

export { addressFromUrl, DEFAULT_PORT, formatAddress, isLoopback, type ServerAddress } from './address.ts';
export type { RetryPolicy } from './back-off.ts';
export { type ChannelOptions, subscribeToChannel } from './channel-subscription.ts';
export {
  type BlobCallOptions,
  BlobReference,
  type BlobSource,
  type BlobStore,
  type BlobStoreOptions,
  getFile,
  loadS3Settings,
  openBlobStore,
  type OpenBlobStoreOptions,
  putFile,
  type S3Settings,
  withBlobs,
} from './blobs.ts';
export {
  type CallOptions,
  type ClientOptions,
  type ColoniesClient,
  createColoniesClient,
  isNothingToAssign,
  type MessageName,
} from './client.ts';
export {
  createDevelopmentColony,
  type DevelopmentColony,
  developmentDirectory,
  loadDevelopmentColony,
  saveDevelopmentColony,
  toExportLines,
} from './development-colony.ts';
export {
  type Environment,
  loadEnvironment,
  requireColonyIdentity,
  requireColonyName,
  requireIdentity,
  requireServerIdentity,
} from './environment.ts';
export {
  ColonyError,
  ConnectionError,
  RetryableError,
  ServerError,
  TerminalError,
  toError,
  UserError,
} from './errors.ts';
export {
  type CallContext,
  type ColonyFunction,
  defineExecutor,
  defineFunction,
  type ExecutorDefinition,
  type Output,
  rootFunction,
  type WireKwargs,
} from './executor.ts';
export { generateIdentity, type Identity, identityFromPrivateKey } from './identity.ts';
export { call, type CallOutcome, type CallOutcomes, type MessageBatches, type MessageCall } from './message-batches.ts';
export type { ChannelEntry } from './messages/channels.ts';
export type { Colony, ServerInfo, Statistics, User } from './messages/colonies.ts';
export type { Cron } from './messages/crons.ts';
export type { Executor, ExecutorState, RegisteredFunction } from './messages/executors.ts';
export type { ColonyFile, Snapshot } from './messages/files.ts';
export type { Generator } from './messages/generators.ts';
export { messages } from './messages/index.ts';
export type { Location } from './messages/locations.ts';
export type { LogEntry } from './messages/logs.ts';
export {
  type Attribute,
  type Conditions,
  FunctionSpec,
  isFinal,
  Process,
  PROCESS_STATES,
  type ProcessState,
} from './messages/processes.ts';
export { Workflow, WorkflowSpec } from './messages/workflows.ts';
export { runUntilSignal } from './run-until-signal.ts';
export { formatIssues } from './schema-errors.ts';
export {
  followWorkflow,
  subscribeToProcess,
  type WaitOptions,
  waitForProcess,
  type WorkflowProgress,
} from './subscription.ts';
export { BLOB_THRESHOLD_BYTES, openVector, storeVector, VectorDocument } from './vector-text.ts';
export { startWorker, type Worker, type WorkerOptions } from './worker.ts';
