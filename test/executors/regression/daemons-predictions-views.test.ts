import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import * as z from 'zod';
import type { Environment } from '../../../colony/environment.ts';
import { listen } from '../../support/daemon-log.ts';
import { at } from '../../support/regression.ts';
import { openRegressionStage, type RegressionStage } from '../../support/regression-daemons.ts';
import { predict, predictionRequest, predictionsOf, submitPrediction } from '../../support/regression-predictions.ts';
import { reached, SEED_REQUEST } from '../../support/regression-seed.ts';
import { chiSquare, contentsOf } from '../../support/regression-views.ts';
import { startRecordingProxy } from '../../support/recording-proxy.ts';

// Daemons take turns at whatever processors there are.
vi.setConfig({ testTimeout: 120_000 });

const ROWS = 120;
const NEW_ROWS = 40;

/** Numbers with many digits, so that none of them stands in a text by chance. */
function column(seed: number, rows: number): number[] {
  return Array.from({ length: rows }, (_, row) => 4 * Math.sin(seed * 1000 + row * (seed + 1.7)) + 1e-9 * (row % 97));
}

const IDS = Array.from({ length: ROWS }, (_, row) => `patient-${1000 + row}`);
const NEW_IDS = Array.from({ length: NEW_ROWS }, (_, row) => `newcomer-${2000 + row}`);
const [X1, X2] = [column(1, ROWS), column(2, ROWS)];
const Y = X1.map((value, row) => 3.3 * value - 1.7 * at(X2, row) + 0.01 * at(column(3, ROWS), row));
const NEW = { x1: column(4, NEW_ROWS), x2: column(5, NEW_ROWS) };

async function table(stage: RegressionStage, name: string, ids: readonly string[], values: readonly number[]) {
  const path = join(stage.directory, name);
  const lines = ids.map((id, row) => `${id},${values[row]}`);
  await writeFile(path, `id,${name.split(/[-.]/)[0]}\n${lines.join('\n')}\n`);
  return path;
}

async function startThrough(
  stage: RegressionStage,
  ports: Record<'x1' | 'x2' | 'y' | 'aggregator', number>,
  log: pino.Logger,
) {
  const { address, colonyName, colonyOwner: colonyIdentity } = stage.colony;
  const through = (port: number): { environment: Environment; log: pino.Logger } => ({
    environment: { server: { ...address, port }, colonyName, colonyIdentity, source: 'environment' },
    log,
  });
  const newIdsFile = join(stage.directory, 'new-ids.txt');
  await writeFile(newIdsFile, `${NEW_IDS.join('\n')}\n`);
  const start = async (party: 'x1' | 'x2', rows: readonly number[]) => {
    const source = await table(stage, `${party}.csv`, IDS, rows);
    const newRows = await table(stage, `${party}-new.csv`, NEW_IDS, NEW[party]);
    return stage.startFeature(party, { source, newRows, idColumn: 'id', newIdsFile }, through(ports[party]));
  };
  const labels = { source: await table(stage, 'y.csv', IDS, Y), idColumn: 'id', newIdsFile };
  await Promise.all([
    start('x1', X1),
    start('x2', X2),
    stage.startLabel('y', labels, through(ports.y)),
    stage.startAggregator('regression-aggregator', through(ports.aggregator)),
  ]);
}

/** How a number might stand in text or in bytes: with all digits, or with those that nobody meets by chance. */
function spellings(value: number): string[] {
  const digits = String(Math.abs(value));
  const bytes = Buffer.alloc(16);
  bytes.writeDoubleBE(value, 0);
  bytes.writeDoubleLE(value, 8);
  const inBytes = [bytes.toString('latin1', 0, 8), bytes.toString('latin1', 8)];
  return digits.length < 10 ? inBytes : [digits, digits.slice(0, 10), ...inBytes];
}

const Memory = z.object({
  state: z.looseObject({
    half: z.looseObject({ privateHalf: z.string() }).nullable(),
    seeds: z.record(z.string(), z.string()),
  }),
});

/** The secrets of a prediction that a party keeps at the moment. */
async function secretsOf(stage: RegressionStage, party: string, prediction: string): Promise<string[]> {
  const { half, seeds } = Memory.parse(JSON.parse(await stage.fileOf(party, prediction, 'state.json'))).state;
  const secrets = [half?.privateHalf, ...Object.values(seeds)].filter((secret) => secret !== undefined);
  return secrets.flatMap((text) => [text, Buffer.from(text, 'hex').toString('latin1')]);
}

test.each(['single-key', 'additive'] as const)(
  'after a training in mode %s no wire, server file, log or other party shows a new row, an id, a part, a prediction or a secret',
  async (mode) => {
    await using stage = await openRegressionStage();
    const { port } = stage.colony.address;
    await using x1Wire = await startRecordingProxy(port);
    await using x2Wire = await startRecordingProxy(port);
    await using yWire = await startRecordingProxy(port);
    await using aggregatorWire = await startRecordingProxy(port);
    const { log, text } = listen();
    const ports = { x1: x1Wire.port, x2: x2Wire.port, y: yWire.port, aggregator: aggregatorWire.port };
    await startThrough(stage, ports, log);
    await stage.train({ ...SEED_REQUEST, run: 'june', scaling: 'standard', mode, keyBits: 768, iterations: 2 });
    const request = await predictionRequest(stage, 'june', 'ward');
    // First without the predictions, at whose end everybody forgets what it had drawn.
    await submitPrediction(stage, request, (specs) =>
      specs.filter(({ nodeName }) => /^(offer|confirm)-/.test(nodeName)),
    );
    await reached(stage, 'ward', 'confirm-y', 'success');
    const secrets = await secretsOf(stage, 'y', 'ward');
    await submitPrediction(stage, request);
    await stage.finished('ward');

    const [, ...lines] = await predictionsOf(stage, 'y', 'ward');
    expect(lines.map(([id]) => id)).toEqual(NEW_IDS);
    const predictions = lines.map(([, value]) => Number(value));
    const thetas = (await Promise.all(['x1', 'x2'].map((party) => stage.thetasOf(party, 'june')))).map(
      (steps) => steps.at(-1)?.[0] ?? 0,
    );
    const parts = (['x1', 'x2'] as const).flatMap((party, index) =>
      NEW[party].map((value) => value * at(thetas, index)),
    );
    const figures = [...NEW.x1, ...NEW.x2, ...thetas, ...parts, ...predictions].flatMap(spellings);
    // Nobody but who knows the ids already can tell which are meant: not even by guessing them.
    const digest = createHash('sha256')
      .update(NEW_IDS.map((id) => `${id}\n`).join(''))
      .digest();
    const aboutIds = [...NEW_IDS, digest.toString('hex'), digest.toString('latin1')];
    expect(figures.length).toBeGreaterThan(300);
    expect(secrets).toHaveLength(6);
    const seen: Readonly<Record<string, string>> = {
      'the wire of x1': x1Wire.readableText(),
      'the wire of x2': x2Wire.readableText(),
      'the wire of y': yWire.readableText(),
      'the wire of the aggregator': aggregatorWire.readableText(),
      'the server': await contentsOf(stage.colony.directory),
      'the logs': text(),
    };
    for (const [name, content] of Object.entries(seen)) {
      expect(content.length, name).toBeGreaterThan(1000);
      expect(findAny(content, [...figures, ...aboutIds, ...secrets]), name).toBeUndefined();
    }
    expect(seen['the wire of x1']).toContain('regression_predict_rows');
    const ownFiles = await contentsOf(join(stage.directory, 'x1'));
    expect(findAny(ownFiles, predictions.flatMap(spellings)), 'the files of x1').toBeUndefined();
    for (const party of ['x1', 'x2', 'y']) expect(await secretsOf(stage, party, 'ward')).toEqual([]);
    const atLabel = await contentsOf(join(stage.directory, 'y', 'ward'));
    expect(findAny(atLabel, [...NEW.x1, ...NEW.x2, ...thetas, ...parts].flatMap(spellings)), 'y').toBeUndefined();
  },
);

/** The first of these words that stands in a text. */
function findAny(text: string, words: readonly string[]): string | undefined {
  return words.find((word) => text.includes(word));
}

const Signed = z.looseObject({ text: z.string() });
const Masked = z.looseObject({ data: z.string() });

/** The masked numbers that a party has given in a prediction. */
async function maskedBy(stage: RegressionStage, prediction: string, party: string): Promise<Buffer> {
  const done = await stage.processes(prediction, 'success');
  const output = done.find(({ spec }) => spec.nodeName === `predict-${party}`)?.output[0];
  const { text } = Signed.parse(JSON.parse(String(output)));
  return Buffer.from(Masked.parse(JSON.parse(text)).data, 'base64url');
}

test('what feature parties say is uniform, also added up, and other numbers each time, though all rows are alike', async () => {
  await using stage = await openRegressionStage();
  const alike = new Map([['v', Array.from({ length: 400 }, () => 1.25)]]);
  const start = async (party: string, rows: readonly number[]) =>
    stage.startFeature(party, {
      source: await stage.writeTable(`${party}.csv`, new Map([['v', rows]])),
      newRows: await stage.writeTable(`${party}-new.csv`, alike),
    });
  await Promise.all([
    start('x1', X1),
    start('x2', X2),
    stage.writeTable('y.csv', new Map([['y', Y]])).then((source) => stage.startLabel('y', { source })),
    stage.startAggregator(),
  ]);
  await stage.train({ ...SEED_REQUEST, run: 'june', iterations: 1 });
  await predict(stage, 'june', 'first');
  await predict(stage, 'june', 'second');
  const [left, right] = [await maskedBy(stage, 'first', 'x1'), await maskedBy(stage, 'first', 'x2')];
  const again = await maskedBy(stage, 'second', 'x1');
  expect(left).toHaveLength(400 * 16);
  expect(left.equals(again)).toBe(false);
  const sums = Buffer.from(left);
  for (let place = 0; place < sums.length; place += 16) {
    const sum = number(left, place) + number(right, place);
    sums.write(BigInt.asUintN(128, sum).toString(16).padStart(32, '0'), place, 'hex');
  }
  // A uniform source stays below that but for once in some 10^8 runs.
  for (const bytes of [left, right, again, sums]) expect(chiSquare(bytes)).toBeLessThan(400);
  const [, ...lines] = await predictionsOf(stage, 'y', 'first');
  expect(new Set(lines.map(([, value]) => value)).size).toBe(1);
});

function number(bytes: Buffer, start: number): bigint {
  return BigInt(`0x${bytes.subarray(start, start + 16).toString('hex')}`);
}
