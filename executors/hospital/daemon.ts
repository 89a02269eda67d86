import type { Logger } from 'pino';
import { type Environment, requireColonyName } from '../../colony/environment.ts';
import { startWorker, type Worker } from '../../colony/worker.ts';
import { numberConfig } from '../../data/config.ts';
import { type Dataset, loadDataset, openDataset } from '../../data/dataset.ts';
import { defineHospital } from './hospital.ts';

/** What a hospital computes on: one number, as in the tutorial, or what its operator's configuration file describes. */
export type HospitalData = { readonly secret: string } | { readonly configPath: string };

/** How a hospital's daemon is started. */
export interface HospitalOptions {
  /** What workflows address it by, such as `r2-hospital_executor`. */
  readonly executorType: string;
  readonly data: HospitalData;
  /** How many processes it works on at a time. @default 1 */
  readonly concurrency?: number | undefined;
  /** Where its own key is kept; a fresh key per start otherwise. */
  readonly identityFile?: string | undefined;
  readonly environment: Environment;
  readonly log: Logger;
}

/**
 * Starts a hospital's daemon; it works until it is stopped.
 *
 * @throws DataError when the configuration is wrong or its file is missing
 */
export async function startHospital(options: HospitalOptions): Promise<Worker> {
  const { executorType, data, concurrency, identityFile, environment, log } = options;
  const dataset = await openData(data);
  log.info({ source: dataset.source.description, minimumRows: dataset.minimumRows }, 'opened the data source');
  try {
    const worker = await startWorker(defineHospital(dataset), {
      type: executorType,
      concurrency,
      identityFile,
      server: environment.server,
      colonyName: requireColonyName(environment),
      colonyIdentity: environment.colonyIdentity,
      log,
    });
    void closeAfter(worker, dataset);
    return worker;
  } catch (error) {
    await dataset.source.close();
    throw error;
  }
}

/** Whether the daemon stopped well or badly is for whoever watches it to see; the source is closed either way. */
async function closeAfter(worker: Worker, dataset: Dataset): Promise<void> {
  await Promise.allSettled([worker.stopped]);
  await dataset.source.close();
}

function openData(data: HospitalData): Promise<Dataset> {
  return 'secret' in data ? openDataset(numberConfig(data.secret)) : loadDataset(data.configPath);
}
