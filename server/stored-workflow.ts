import * as z from 'zod';
import { WorkflowSpec } from '../colony/messages/workflows.ts';
import { parseMeasured } from './exact-json.ts';
import { requireLight } from './incoming.ts';
import { shapeOf } from './json-shape.ts';
import { MAX_PAYLOAD_DEPTH } from './limits.ts';
import type { Initiator } from './process-lifecycle.ts';
import { Refusal } from './refusal.ts';
import { requireModestWorkflow } from './submission.ts';
import { type Transaction, undoable } from './transaction.ts';
import { submitWorkflow } from './workflow-lifecycle.ts';

/** The workflows of crons and generators: kept as JSON texts, submitted again and again in the name of who added them. */

/**
 * Reads the text of a workflow and makes sure that it can be submitted by this member, now and later.
 *
 * @param failure what could not be done, for the refusals that have no text on the official server
 * @throws Refusal 400 when it cannot, with the words of a submission; 500 or 403 when it does not name the colony
 */
export function requireStorableWorkflow(
  transaction: Transaction,
  text: string,
  { colonyName, initiator, failure }: { colonyName: string; initiator: Initiator; failure: string },
): WorkflowSpec {
  const wire = parseText(text, failure);
  requireModestWorkflow({ spec: wire });
  const spec = z.safeDecode(WorkflowSpec, Object(wire));
  if (!spec.success) throw new Refusal(400, `${failure}, workflowspec is no workflow`);
  if (spec.data.colonyName === '') throw new Refusal(500, 'Could not derive InitiatorName');
  if (spec.data.colonyName !== colonyName) {
    throw new Refusal(403, `${failure}, expected a workflow of Colony <${colonyName}>`);
  }
  rehearse(transaction, spec.data, initiator);
  return spec.data;
}

/** A workflow that was stored as text. */
export function toWorkflowSpec(text: string): WorkflowSpec {
  return z.decode(WorkflowSpec, Object(parseMeasured(text, shapeOf(text))));
}

/** How many of its nodes depend on none. */
export function countRoots({ functionSpecs }: WorkflowSpec): number {
  return functionSpecs.filter(({ conditions }) => conditions.dependencies.length === 0).length;
}

function parseText(text: string, failure: string): unknown {
  if (text.trim() === '') throw new Refusal(400, 'unexpected end of JSON input');
  const shape = shapeOf(text);
  if (shape.depth > MAX_PAYLOAD_DEPTH) throw new Refusal(400, `${failure}, workflowspec is nested too deep`);
  requireLight(shape);
  try {
    return parseMeasured(text, shape);
  } catch {
    throw new Refusal(400, `${failure}, workflowspec is no JSON`);
  }
}

/** Ends a rehearsal. */
class Rehearsed extends Error {}

/** Submits a workflow and takes that back: what is checked then is exactly what a submission checks. */
function rehearse(transaction: Transaction, spec: WorkflowSpec, initiator: Initiator): void {
  try {
    undoable(transaction, () => {
      submitWorkflow(transaction, spec, initiator);
      throw new Rehearsed();
    });
  } catch (thrown) {
    if (thrown instanceof Refusal) throw new Refusal(400, thrown.message);
    if (!(thrown instanceof Rehearsed)) throw thrown;
  }
}
