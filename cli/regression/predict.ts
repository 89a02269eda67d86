import { resolve } from 'node:path';
import { UserError } from '../../colony/errors.ts';
import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { PATIENT_BRIDGE_MS } from '../framework/patience.ts';
import { madeReport, type Report } from '../framework/report.ts';

/** `colonies regression predict` */
export const regressionPredict = defineCommand({
  describe: 'Predict new rows with a model that was trained before, for the party with the labels',
  details: [
    'Each feature party predicts the rows that its daemon was started with (--new-rows, and --new-ids where rows meet by id); nobody but the party with the labels learns the sum.',
    'A prediction is a run with a name of its own. Every feature party counts the rows it predicts: "predictionRows" of the training is the most in all.',
    'With --wait, the command ends with the prediction: exit code 3 when it fails or is cancelled.',
  ].join('\n'),
  options: {
    run: { type: 'string', describe: 'name of the training', required: true },
    name: { type: 'string', describe: 'name of the prediction (default: that of the training, and the time)' },
    directory: {
      type: 'string',
      describe: "a party's directory that knows the training, where the colony has forgotten it",
    },
    wait: { type: 'boolean', describe: 'follow the prediction to its end' },
    ...memberKey,
  },
  examples: [
    ['regression predict --run june --wait', 'the new rows that the daemons were started with'],
    ['regression predict --run june --name june-ward-7', 'under a name of its own'],
  ],
  async run({ run, name, directory, wait, ...keys }, context): Promise<Report> {
    const { findTraining, nameOfPrediction, requestPrediction } = await import('../views/regression-model.ts');
    const { requireDaemons } = await import('../views/regression-request.ts');
    const { findStatus } = await import('../views/regression-run.ts');
    const { predictionWorkflow } = await import('../../workflows/vertical-regression/prediction-builder.ts');
    const { io } = context;
    const connection = await context.connect('member', keys, { bridgeMs: wait ? PATIENT_BRIDGE_MS : 0 });
    const home = directory === undefined ? undefined : resolve(io.cwd, directory);
    const training = await findTraining(connection, run, home, io.env);
    const prediction = name ?? nameOfPrediction(run, new Date());
    const request = requestPrediction(training, prediction);
    if ((await findStatus(connection, prediction)) !== undefined) {
      throw new UserError(`--name: expected a name that the colony has not seen, got "${prediction}"; choose another`);
    }
    await requireDaemons(connection, [request.label, ...request.features]);
    const { client, colonyName } = connection;
    const functionSpecs = predictionWorkflow(request, JSON.stringify(request));
    const { workflowId } = await client.submitWorkflowSpec({ spec: { colonyName, functionSpecs } });
    if (!wait) {
      const message = `Prediction submitted; follow it with "colonies regression status ${prediction}"`;
      return madeReport(message, prediction, { run: prediction, trained: run, workflowId });
    }
    const { followRun, endReport } = await import('../views/regression-follow.ts');
    return endReport(await followRun(connection, prediction, context));
  },
});
