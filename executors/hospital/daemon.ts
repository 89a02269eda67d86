import { startWorker, type Worker } from '../../colony/worker.ts';
import { numberConfig } from '../../data/config.ts';
import { type Dataset, loadDataset, openDataset } from '../../data/dataset.ts';
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
 * @throws DataError when the configuration is wrong or its file is missing
 */
export async function startHospital(options: HospitalOptions): Promise<Worker> {
  const worksAs = workerOptions(options);
  const dataset = await openData(options.data);
  const { source, minimumRows } = dataset;
  options.log.info({ source: source.description, minimumRows }, 'opened the data source');
  try {
    const worker = await startWorker(defineHospital(dataset), worksAs);
    void closeAfter(worker, dataset);
    return worker;
  } catch (error) {
    await source.close();
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
