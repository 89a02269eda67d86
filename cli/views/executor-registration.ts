import * as z from 'zod';
import { UserError } from '../../colony/errors.ts';
import { parseJson } from '../../colony/json-text.ts';
import { Executor } from '../../colony/messages/executors.ts';
import { describe, formatIssues } from '../../colony/schema-errors.ts';
import type { Connection, Context } from '../framework/context.ts';
import { readJsonText } from '../framework/files.ts';

/** Options of the commands that register an executor. */
export const registrationOptions = {
  name: { type: 'string', describe: 'name, unique in the colony for ever (default: COLONIES_EXECUTOR_NAME)' },
  type: { type: 'string', describe: 'what workflows address it by (default: COLONIES_EXECUTOR_TYPE)' },
  spec: {
    type: 'string',
    describe: 'JSON file with an executor: location and capabilities, where not given: name, type',
  },
  approve: { type: 'boolean', describe: 'let it work at once' },
} as const;

/** Their values. */
interface RegistrationArguments {
  readonly name: string | undefined;
  readonly type: string | undefined;
  readonly spec: string | undefined;
  readonly approve: boolean;
}

/**
 * What an executor is to be registered with: flags, then its file, then the environment.
 *
 * @throws UserError when the file is no executor, or a name or type is missing
 */
export async function readRegistration(
  executorId: string,
  args: RegistrationArguments,
  { environment, colonyName }: Connection,
  context: Context,
): Promise<Executor> {
  const described = args.spec === undefined ? {} : await readSpec(args.spec, context);
  const { executorName = '', executorType = '' } = described;
  return {
    requireFunctionRegistration: false,
    ...described,
    executorId,
    executorName: args.name ?? (executorName || environment.executorName) ?? missing('name', 'COLONIES_EXECUTOR_NAME'),
    executorType: args.type ?? (executorType || environment.executorType) ?? missing('type', 'COLONIES_EXECUTOR_TYPE'),
    colonyName,
  };
}

/** Registers an executor, and approves it if asked to. */
export async function registerExecutor(
  { client }: Connection,
  executor: Executor,
  { approve }: RegistrationArguments,
): Promise<{ readonly message: string; readonly executor: Executor }> {
  const { colonyName, executorName } = executor;
  const added = await client.addExecutor({ executor });
  if (approve) await client.approveExecutor({ colonyName, executorName });
  const message = approve ? 'Executor added and approved' : 'Executor added, waiting for its approval';
  return {
    message: `${message}: ${executorName}`,
    executor: approve ? { ...added, state: 'approved' } : added,
  };
}

async function readSpec(file: string, { io }: Context): Promise<Partial<Executor>> {
  const document = parseJson(await readJsonText(io, file), file);
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new UserError(`${file}: expected an executor (an object), got ${describe(document)}`);
  }
  // The id is the command's business: a file that many executors share has none.
  const decoded = z.safeDecode(Executor, { ...document, executorid: '' });
  if (!decoded.success) throw new UserError(`${file}: ${formatIssues(decoded.error, document)}`);
  return decoded.data;
}

function missing(flag: string, variable: string): never {
  throw new UserError(`--${flag}: expected a text, got nothing; give the flag or set ${variable}`);
}
