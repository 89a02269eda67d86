import { toError } from '../colony/errors.ts';
import type { FunctionSpec } from '../colony/messages/processes.ts';
import type { TriggerReport } from './crons.ts';
import { MAX_GENERATOR_QUEUE, MAX_GIVEN_TO_ROOTS_BYTES } from './limits.ts';
import { Refusal } from './refusal.ts';
import { toWorkflowSpec } from './stored-workflow.ts';
import { isStorageError } from './store/database.ts';
import { dueGeneratorIds, findGenerator, type GeneratorRow, insertArg, takeArgs } from './store/generators.ts';
import { isMember } from './store/members.ts';
import { type Transaction, undoable } from './transaction.ts';
import { submitWorkflow } from './workflow-lifecycle.ts';

/**
 * What a generator does with the texts packed into it: every full batch becomes the arguments of one workflow's first
 * nodes. Texts leave the queue with the very transaction that submits their workflow, so none is lost or given twice.
 */

/**
 * Appends a text to a generator's queue. A batch that it completes is submitted by the next turn of
 * {@link runDueGenerators}.
 *
 * @throws Refusal 429 when too many wait, 413 when they are too long together
 */
export function packArg({ database, nowMs }: Transaction, generator: GeneratorRow, arg: string): void {
  if (generator.queue_count >= MAX_GENERATOR_QUEUE) {
    throw new Refusal(
      429,
      `Failed to increment generator, expected at most ${MAX_GENERATOR_QUEUE} texts to wait in it; try again later`,
    );
  }
  const bytes = bytesOf(arg);
  if ((generator.queue_bytes + bytes) * generator.root_count > MAX_GIVEN_TO_ROOTS_BYTES) {
    throw new Refusal(
      413,
      `Failed to increment generator, expected at most ${MAX_GIVEN_TO_ROOTS_BYTES} bytes of waiting texts for all ${generator.root_count} nodes that begin`,
    );
  }
  insertArg(database, generator.generator_id, arg, bytes, nowMs);
}

/** As JSON, the form in which every node that begins gets a copy. */
function bytesOf(arg: string): number {
  return Buffer.byteLength(JSON.stringify(arg)) + 1;
}

/**
 * Submits the batches that are full or have waited for too long, until there are none or enough nodes were submitted for
 * one transaction.
 *
 * @returns whether there may be more
 */
export function runDueGenerators(transaction: Transaction, report: TriggerReport): boolean {
  for (const generatorId of dueGeneratorIds(transaction.database, transaction.nowMs)) {
    if (report.nodesLeft <= 0) return true;
    const generator = findGenerator(transaction.database, generatorId);
    if (generator !== undefined) runDueGenerator(transaction, generator, report);
  }
  return false;
}

function runDueGenerator(transaction: Transaction, generator: GeneratorRow, report: TriggerReport): void {
  const { generator_id: generatorId, colony_name: colonyName, initiator_name: initiatorName } = generator;
  if (isMember(transaction.database, colonyName, generator.initiator_id)) {
    report.orphans.delete(generatorId);
    submitBatches(transaction, generator, report);
  } else if (!report.orphans.has(generatorId)) {
    report.orphans.add(generatorId);
    report.log.warn(
      { generatorId, colonyName, initiatorName },
      'a generator keeps what was packed into it: who added it is no member any more',
    );
  }
}

/** A generator that cannot run, for a reason that nobody has thought of, must not keep the others from running. */
function submitBatches(transaction: Transaction, generator: GeneratorRow, report: TriggerReport): void {
  const { batch_size: batchSize } = generator;
  try {
    let waiting = generator.queue_count;
    do {
      const size = Math.min(batchSize, waiting);
      report.nodesLeft -= undoable(transaction, () => submitBatch(transaction, generator, size));
      waiting -= size;
    } while (waiting >= batchSize && report.nodesLeft > 0);
  } catch (thrown) {
    if (isStorageError(thrown)) throw thrown;
    const { generator_id: generatorId, colony_name: colonyName } = generator;
    report.log.error({ generatorId, colonyName, err: toError(thrown) }, 'a generator could not submit its workflow');
  }
}

/** Submits one batch in the name of who added the generator; returns how many nodes its workflow has. */
function submitBatch(transaction: Transaction, generator: GeneratorRow, size: number): number {
  const { database, nowMs } = transaction;
  const args = takeArgs(database, generator.generator_id, size, nowMs, bytesOf);
  const spec = toWorkflowSpec(generator.workflow_spec);
  const functionSpecs = spec.functionSpecs.map((node) => giveToRoot(node, args));
  const initiator = { id: generator.initiator_id, name: generator.initiator_name };
  submitWorkflow(transaction, { ...spec, functionSpecs }, initiator);
  return functionSpecs.length;
}

function giveToRoot(node: FunctionSpec, args: readonly string[]): FunctionSpec {
  return node.conditions.dependencies.length > 0 ? node : { ...node, args, kwargs: {} };
}
