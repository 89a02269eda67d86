import { resolve } from 'node:path';
import { writeFile } from 'node:fs/promises';
import { UserError } from '../../colony/errors.ts';
import { defineCommand } from '../command.ts';
import type { Report } from '../framework/report.ts';

/** `colonies regression report` */
export const regressionReport = defineCommand({
  describe: "Show what this machine's parties have got from a training: coefficients, loss curve, metrics",
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
      await writeFile(resolve(io.cwd, svg), curveSvg(`${run}: loss before each iteration`, curve.losses));
      say(`Loss curve written to ${svg}`);
    }
    return {
      json: { run, parties: results },
      show(out) {
        for (const { party: name, coefficients, losses, metrics } of results) {
          out.line(`${name}:`);
          if (coefficients !== undefined) {
            out.table([{ title: 'COLUMN' }, { title: 'THETA' }, { title: 'PER UNIT' }], rowsOf(coefficients));
          }
          if (losses.length > 0) out.line(drawCurve(losses));
          if (metrics !== undefined)
            out.facts(Object.entries(metrics).map(([key, value]) => [key, String(value ?? 'undefined')]));
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

function rowsOf({ intercept, columns }: Coefficients): string[][] {
  const own = columns.map(({ name, theta, perUnit }) => [name, formatNumber(theta), formatNumber(perUnit)]);
  return intercept === undefined ? own : [['(intercept)', formatNumber(intercept), ''], ...own];
}

function formatNumber(value: number | undefined): string {
  return value === undefined ? '' : String(Number(value.toPrecision(9)));
}
