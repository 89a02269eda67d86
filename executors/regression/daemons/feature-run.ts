import type { PublicKey } from 'paillier-bigint';
import { TerminalError } from '../../../colony/errors.ts';
import { letOthersWork } from '../../../colony/event-loop.ts';
import { padSeeds } from '../agreement.ts';
import { type Finding, guardColumns, guardParameters } from '../guards.ts';
import type { RunParameters } from '../parameters.ts';
import type { FeatureParty } from '../parties.ts';
import { refusal } from '../refusal.ts';
import { FileRunStore } from '../run-store.ts';
import { type PreparedColumns, prepareColumns } from '../scaling.ts';
import { decodeShare } from '../shares.ts';
import { divideRows, type Training, trainingDigest } from '../training.ts';
import type { ShareHolder } from '../rounds/threshold.ts';
import { type CallTools, type Desk, filesOf } from './desk.ts';
import { FeatureMemory } from './memory.ts';
import { OpenRuns } from './open-runs.ts';
import { rememberIds } from './party-ids.ts';
import { type PartyTable, placesOf, readTableForRun, type TableContent, withNames } from './table.ts';

/** A feature party's part in one run: what it remembers, and its columns ready for the rounds. */
export interface FeatureRun {
  readonly desk: Desk;
  readonly training: Training;
  readonly store: FileRunStore<FeatureMemory>;
  readonly names: readonly string[];
  readonly tableDigest: string;
  readonly prepared: PreparedColumns;
  /** The same columns of the rows held out, unscaled. */
  readonly heldOut: readonly Float64Array[];
}

/** The runs of a feature party. */
export class FeatureRuns {
  readonly #desk: Desk;
  readonly #table: PartyTable;
  readonly #runs = new OpenRuns<FeatureRun>();

  constructor(desk: Desk, table: PartyTable) {
    this.#desk = desk;
    this.#table = table;
  }

  /**
   * The run of a training, with this party's columns prepared and guarded.
   *
   * @throws TerminalError of the guards, DataError of the source
   */
  open(training: Training, tools: CallTools): Promise<FeatureRun> {
    return this.#runs.get(training, () => this.#open(training, tools));
  }

  async #open(training: Training, { signal, log }: CallTools): Promise<FeatureRun> {
    const { parameters, holdoutEvery } = training;
    const content = await readTableForRun(this.#table, signal);
    requireAgreedRows(training, content);
    const divided: ReturnType<typeof divideRows>[] = [];
    for (const column of content.columns) {
      divided.push(divideRows(column, holdoutEvery));
      await letOthersWork();
    }
    const prepared = await prepareColumns(
      parameters,
      this.#desk.name,
      divided.map(({ train }) => train),
    );
    const own = prepared.columns.slice(prepared.columns.length - content.names.length);
    for (const { code, message } of [
      ...guardParameters(parameters),
      ...(await this.#guard(parameters, content, own, log)),
    ]) {
      const named = withNames(message, this.#desk.name, content.names);
      log.warn({ code, run: parameters.run }, `${named} (a demonstration goes on)`);
    }
    const path = filesOf(this.#desk, parameters).pathOf('state.json');
    return {
      desk: this.#desk,
      training,
      store: new FileRunStore(path, parameters, this.#desk.name, FeatureMemory),
      names: content.names,
      tableDigest: content.digest,
      prepared,
      heldOut: divided.map(({ heldOut }) => heldOut),
    };
  }

  /** What others are told counts columns; the log names them. */
  async #guard(
    parameters: RunParameters,
    { names }: Pick<TableContent, 'names'>,
    own: readonly Float64Array[],
    log: CallTools['log'],
  ): Promise<readonly Finding[]> {
    const { name } = this.#desk;
    try {
      return await guardColumns(parameters, placesOf(name, names), own);
    } catch (error) {
      if (error instanceof TerminalError) {
        log.warn({ code: error.code, run: parameters.run }, withNames(error.message, name, names));
      }
      throw error;
    }
  }
}

/** @throws TerminalError `ROWS_DIFFER` */
export function requireAgreedRows(
  { parameters, totalRows }: Training,
  { rowCount, idsDigest }: { readonly rowCount: number; readonly idsDigest: string | null },
): void {
  if (rowCount === totalRows && (parameters.idsDigest ?? null) === idsDigest) return;
  throw refusal(
    'ROWS_DIFFER',
    `table: expected the ${totalRows} rows that all parties agreed on, got ${rowCount} or other ids; start the daemon with the source and ids that the run began with, or begin a new run`,
  );
}

/** What this party remembers. @throws TerminalError `STALE_CONTEXT` before the set-up, `DATA_CHANGED` */
export async function recall(run: FeatureRun): Promise<FeatureMemory> {
  const memory = await run.store.load();
  if (memory === undefined) {
    throw refusal(
      'STALE_CONTEXT',
      `run ${run.training.parameters.run}: expected its set-up to have been done here, got none; submit it anew`,
    );
  }
  if (memory.finished) throw hasEnded(`run ${run.training.parameters.run}`);
  requireSameTraining(run.training, memory.training);
  rememberIds(run, memory.ids);
  if (memory.tableDigest === run.tableDigest) return memory;
  throw refusal(
    'DATA_CHANGED',
    `run ${run.training.parameters.run}: expected the table that it began with, got another; a run needs the same rows to its end`,
  );
}

/** @throws TerminalError `WRONG_RUN` when a run began with another training, though its parameters are the same */
export function requireSameTraining(training: Training, known: string): void {
  if (trainingDigest(training) === known) return;
  throw refusal(
    'WRONG_RUN',
    `run ${training.parameters.run}: expected the training that it began with, got another; submit it under a new name`,
  );
}

/** The refusal of whatever comes after the end of a run. */
export function hasEnded(run: string): Error {
  return refusal('STALE_CONTEXT', `${run}: expected one that goes on, got one that has ended here; begin a new run`);
}

/** The run's public key, once this party has joined. @throws TerminalError `STALE_CONTEXT`, or as `readKey` */
async function keyOf(run: FeatureRun, memory: Pick<FeatureMemory, 'key'>, signal: AbortSignal): Promise<PublicKey> {
  const { training, desk } = run;
  if (memory.key === null) {
    throw refusal(
      'STALE_CONTEXT',
      `run ${training.parameters.run}: expected the set-up to be complete, it is not; resume the run`,
    );
  }
  return desk.keys.read(desk, training, memory.key, signal);
}

/** This party as the rounds see it. */
export async function partyOf(run: FeatureRun, memory: FeatureMemory, signal: AbortSignal): Promise<FeatureParty> {
  const { parameters } = run.training;
  const base = {
    parameters,
    publicKey: await keyOf(run, memory, signal),
    name: run.desk.name,
    columns: run.prepared.columns,
    penalised: run.prepared.penalised,
  };
  if (parameters.mode !== 'single-key' || memory.group === null) return base;
  const pairs = new Map(Object.entries(memory.pairs).map(([party, seed]) => [party, Buffer.from(seed, 'hex')]));
  return { ...base, seeds: padSeeds(parameters, run.desk.name, pairs, Buffer.from(memory.group, 'hex')) };
}

/** This party as a holder of a share of the key. @throws TerminalError `MISSING_SHARE` */
export function holderOf(
  party: Pick<FeatureParty, 'parameters' | 'publicKey' | 'name'>,
  share: string | null,
): ShareHolder {
  if (share === null) {
    throw refusal('MISSING_SHARE', `${party.name}: expected a share of the key, got none; every party needs its own`);
  }
  const { parameters, publicKey, name } = party;
  return { parameters, publicKey, name, share: decodeShare(share) };
}
