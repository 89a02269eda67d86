import { resolve } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { UserError } from '../../colony/errors.ts';
import { defineCommand } from '../command.ts';
import type { Report } from '../framework/report.ts';
import type { Terminal } from '../framework/terminal.ts';
import type { Curve } from '../views/regression-chart.ts';
import type { PartyResults } from '../views/regression-results.ts';

const CURVE_TITLE = 'loss before each iteration';

/** `colonies regression report` */
export const regressionReport = defineCommand({
  describe: "Show what this machine's parties have got from a run: coefficients, loss curve, metrics, predictions",
  details: [
    'Reads the directories of the parties whose daemons run here, and asks no server: each party sees its own results only.',
    'With --svg it writes the loss curve, which the party with the labels has, as a picture.',
  ].join('\n'),
  positional: { run: { type: 'string', describe: 'name of the run', required: true } },
  options: {
    party: { type: 'string', describe: 'only this party (default: all whose directory has the run)' },
    directory: {
      type: 'string',
      describe: "a party's directory, where its daemon was started with --directory",
    },
    svg: { type: 'string', describe: 'file to write the loss curve to' },
  },
  examples: [
    ['regression report june', 'in the terminal'],
    ['regression report june --svg loss.svg', 'the loss curve as a picture'],
  ],
  async run({ run, party, directory, svg }, { io, say }): Promise<Report> {
    const { findResults } = await import('../views/regression-results.ts');
    const { showPredictions } = await import('../views/regression-predictions.ts');
    const { drawCurve, curveSvg } = await import('../views/regression-chart.ts');
    const results = await findResults(
      run,
      party,
      directory === undefined ? undefined : resolve(io.cwd, directory),
      io.env,
    );
    const curve = results.find(({ losses }) => losses.length > 0);
    if (svg !== undefined) {
      if (curve === undefined)
        throw new UserError(`--svg: expected the loss curve of the party with the labels, got none here`);
      await writeFile(resolve(io.cwd, svg), curveSvg(`${run}: ${CURVE_TITLE}`, curveOf(curve)));
      say(`Loss curve written to ${svg}`);
    }
    return {
      json: { run, parties: results },
      show(out) {
        for (const { party: name, coefficients, metrics, predictions, ...own } of results) {
          out.line(`${name}:`);
          if (coefficients !== undefined) showCoefficients(out, coefficients);
          if (own.losses.length > 0) out.line(drawCurve(CURVE_TITLE, curveOf(own)));
          if (metrics !== undefined) out.facts(metricRows(metrics));
          if (predictions !== undefined) showPredictions(out, predictions);
          const hasNone = coefficients === undefined && metrics === undefined && own.losses.length === 0;
          if (hasNone && predictions === undefined) out.line(whyNothing(own));
        }
      },
    };
  },
});

/** Coefficients as a party keeps them. */
interface Coefficients {
  readonly intercept?: number | undefined;
  readonly columns: readonly { readonly name: string; readonly theta: number; readonly perUnit?: number | undefined }[];
}

function showCoefficients(out: Terminal, { intercept, columns }: Coefficients): void {
  // Columns that were cut have no coefficient per unit.
  const hasUnits = columns.some(({ perUnit }) => perUnit !== undefined);
  const titles = [{ title: 'COLUMN' }, { title: 'THETA' }, ...(hasUnits ? [{ title: 'PER UNIT' }] : [])];
  const all = [...(intercept === undefined ? [] : [{ name: '(intercept)', theta: intercept }]), ...columns];
  out.table(
    titles,
    all.map(({ name, theta, perUnit }: Coefficients['columns'][number]) =>
      [name, formatNumber(theta), formatNumber(perUnit)].slice(0, titles.length),
    ),
  );
}

function whyNothing({ hasEnded }: Pick<PartyResults, 'hasEnded'>): string {
  return hasEnded
    ? 'the training has ended, and nothing is to be shown: it had no loss, and held no rows out'
    : 'no results yet; of a prediction only the party with the labels gets any';
}

function curveOf({ losses, lossIterations }: Pick<PartyResults, 'losses' | 'lossIterations'>): Curve {
  return { iterations: lossIterations, values: losses };
}

/** What metrics are called where people read them; files and JSON documents have the names of their fields. */
const METRIC_NAMES: Readonly<Record<string, string>> = {
  rows: 'Rows held out',
  rSquared: 'R squared',
  meanSquaredError: 'Mean squared error',
  accuracy: 'Accuracy',
  areaUnderCurve: 'Area under curve',
  logLoss: 'Log-loss',
};

function metricRows(metrics: NonNullable<PartyResults['metrics']>): [string, string][] {
  const names = metrics['trained'] === undefined ? METRIC_NAMES : { ...METRIC_NAMES, rows: 'New rows' };
  return Object.entries(names).flatMap(([key, name]): [string, string][] => {
    const value = metrics[key];
    if (value === undefined) return [];
    return [[name, typeof value === 'number' ? formatNumber(value) : (value ?? 'undefined for these rows')]];
  });
}

/** Digits that people are shown of a measured number; files and JSON documents have all of them. */
const SIGNIFICANT_DIGITS = 6;

function formatNumber(value: number | undefined): string {
  return value === undefined ? '' : String(Number(value.toPrecision(SIGNIFICANT_DIGITS)));
}
