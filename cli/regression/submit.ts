import { UserError } from '../../colony/errors.ts';
import { defineCommand } from '../command.ts';
import type { Connection } from '../framework/context.ts';
import { readJsonText } from '../framework/files.ts';
import { memberKey } from '../framework/global-options.ts';
import { PATIENT_BRIDGE_MS } from '../framework/patience.ts';
import { madeReport, type Report } from '../framework/report.ts';

/** `colonies regression submit` */
export const regressionSubmit = defineCommand({
  describe: 'Begin a training between parties that hold different columns',
  details: [
    'The request is a JSON file that names the parties (the executor types of their daemons), the model and its settings: see workflows/vertical-regression/README.md.',
    'First every party says how many rows and columns it has; the party with the labels then submits one small workflow after the other until the training ends.',
    'With --wait, the command ends with the training: exit code 3 when it fails or is cancelled.',
  ].join('\n'),
  options: {
    spec: { type: 'string', describe: 'the request, a JSON file', required: true },
    run: { type: 'string', describe: 'name of the run (default: the one in the file)' },
    wait: { type: 'boolean', describe: 'follow the training to its end' },
    ...memberKey,
  },
  examples: [
    ['regression submit --spec workflows/vertical-regression/seed.json --wait', 'the parties y, x1 and x2'],
    ['regression submit --spec request.json --run june', 'the same request under another name'],
  ],
  async run({ spec: file, run: name, wait, ...keys }, context): Promise<Report> {
    const { loadRequest, requireDaemons } = await import('../views/regression-request.ts');
    const { surveyWorkflow } = await import('../../workflows/vertical-regression/builder.ts');
    const request = loadRequest(await readJsonText(context.io, file), file, name);
    const connection = await context.connect('member', keys, { bridgeMs: wait ? PATIENT_BRIDGE_MS : 0 });
    const { client, colonyName } = connection;
    await requireFreshRun(connection, request.run);
    await requireDaemons(connection, [request.label, ...request.features, request.aggregator]);
    const functionSpecs = surveyWorkflow(request, JSON.stringify(request));
    const { workflowId } = await client.submitWorkflowSpec({ spec: { colonyName, functionSpecs } });
    const json = { run: request.run, workflowId };
    if (!wait)
      return madeReport(
        `Training submitted; follow it with "colonies regression status ${request.run}"`,
        request.run,
        json,
      );
    const { followRun, endReport } = await import('../views/regression-follow.ts');
    return endReport(await followRun(connection, request.run, context));
  },
});

/** The pads of a run must never meet two trainings. @throws UserError */
async function requireFreshRun(connection: Connection, run: string): Promise<void> {
  const { findStatus } = await import('../views/regression-run.ts');
  const known = await findStatus(connection, run);
  if (known === undefined) return;
  throw new UserError(
    `run ${run}: expected a name that the colony has not seen, got one that is ${known.state}; choose another with --run, or go on with "colonies regression resume ${run}"`,
  );
}
