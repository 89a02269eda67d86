import type { Connection } from '../framework/context.ts';

const ID = /^[0-9a-f]{64}$/u;
const MOST_LISTED = 1000;

/** The id of a cron that was named by its id or by its name. What the colony does not have is left for the server to refuse. */
export async function cronIdOf({ client, colonyName }: Connection, named: string): Promise<string> {
  if (ID.test(named)) return named;
  const crons = await client.getCrons({ colonyName, count: MOST_LISTED });
  return crons.find(({ name }) => name === named)?.cronId ?? named;
}

/** The id of a generator that was named by its id or by its name. */
export async function generatorIdOf({ client, colonyName }: Connection, named: string): Promise<string> {
  if (ID.test(named)) return named;
  const generators = await client.getGenerators({ colonyName, count: MOST_LISTED });
  return generators.find(({ name }) => name === named)?.generatorId ?? named;
}
