import { startWorker, type Worker } from '../../colony/worker.ts';
import { type DaemonOptions, workerOptions } from '../daemon-options.ts';
import { cloud } from './cloud.ts';

/** Starts a cloud's daemon; it works until it is stopped. */
export async function startCloud(options: DaemonOptions): Promise<Worker> {
  return startWorker(cloud, workerOptions(options));
}
