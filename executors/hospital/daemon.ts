import { startWorker, type Worker } from '../../colony/worker.ts';
import type { Logger } from 'pino';
import { numberConfig } from '../../data/config.ts';
import { checkDataset } from '../../data/dataset-check.ts';
import { type Dataset, loadDataset, openDataset } from '../../data/dataset.ts';
import { DataError } from '../../data/errors.ts';
import { type DaemonOptions, workerOptions } from '../daemon-options.ts';
import { defineHospital } from './hospital.ts';

/** What a hospital computes on: one number, as in the tutorial, or what its operator's configuration file describes. */
export type HospitalData = { readonly secret: string } | { readonly configPath: string };

/** How a hospital's daemon is started. */
export interface HospitalOptions extends DaemonOptions {
  /** What workflows address it by, such as `r2-hospital_executor`. */
  readonly executorType: string;
  readonly data: HospitalData;
}

/**
 * Starts a hospital's daemon; it works until it is stopped.
 *
 * @throws DataError when the configuration is wrong, its file is missing, or the source lacks what it offers
 */
export async function startHospital(options: HospitalOptions): Promise<Worker> {
  const worksAs = workerOptions(options);
  const dataset = await openData(options.data);
  const { source, minimumRows } = dataset;
  options.log.info({ source: source.description, minimumRows }, 'opened the data source');
  try {
    warnOfKeys(dataset, options.log);
    await checkOffer(dataset, options.log);
    const worker = await startWorker(defineHospital(dataset), worksAs);
    void closeAfter(worker, dataset);
    return worker;
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Answers are read by whoever holds the key that comes with the request; the operator should have chosen. */
function warnOfKeys({ acceptedKeys }: Dataset, log: Logger): void {
  if (acceptedKeys === '*') {
    log.warn('accepts every public key: whoever may submit to this colony can read the answers; list "acceptedKeys"');
  } else if (acceptedKeys.length === 0) {
    log.warn('accepts no public key, so it refuses every request; list "acceptedKeys" in the configuration');
  }
}

/** What the operator offers in vain is told now, not at the first process; a database may well start after its daemon. */
async function checkOffer(dataset: Dataset, log: Logger): Promise<void> {
  try {
    await checkDataset(dataset);
  } catch (error) {
    if (!(error instanceof DataError) || !error.retryable) throw error;
    log.warn({ code: error.code }, `${error.message}; the configuration is not checked`);
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
