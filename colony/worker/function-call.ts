import * as z from 'zod';
import { ColonyError, TerminalError, toError } from '../errors.ts';
import type { ColonyFunction, ExecutorDefinition } from '../executor.ts';
import type { FunctionSpec } from '../messages/processes.ts';
import { formatIssues } from '../schema-errors.ts';

/** A function and what it is called with. */
export interface Call {
  readonly colonyFunction: ColonyFunction;
  readonly values: { readonly kwargs: unknown; readonly inputs: unknown };
}

/**
 * Finds the function that a spec names and reads its values from the wire.
 *
 * @param input the parents' outputs
 * @throws TerminalError that names the function or the field, never a value
 */
export async function decodeCall(
  definition: ExecutorDefinition,
  spec: FunctionSpec,
  input: readonly unknown[],
): Promise<Call> {
  const colonyFunction = findFunction(definition, spec.functionName);
  const kwargs = await decode('kwargs', colonyFunction.kwargs, spec.kwargs);
  const inputs = await decode('inputs', colonyFunction.inputs, input);
  return { colonyFunction, values: { kwargs, inputs } };
}

/**
 * Writes what a function returned as the text of one output element; other clients read nothing but text.
 *
 * @throws TerminalError when it is not what the function's `output` says
 */
export async function encodeOutput(colonyFunction: ColonyFunction, output: unknown): Promise<string> {
  const encoded = await guard('output', () => z.safeEncodeAsync(colonyFunction.output, output));
  if (!encoded.success)
    throw new TerminalError(formatIssues(encoded.error, undefined, 'output'), { code: 'BAD_OUTPUT' });
  return typeof encoded.data === 'string' ? encoded.data : JSON.stringify(encoded.data ?? null);
}

function findFunction({ functions, type }: ExecutorDefinition, name: string): ColonyFunction {
  const found = Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (found !== undefined) return found;
  throw new TerminalError(
    `funcname: expected a function of ${type} executors (${Object.keys(functions).join(', ')}), got "${name.slice(0, 100)}"`,
    { code: 'UNKNOWN_FUNCTION' },
  );
}

async function decode(where: string, schema: z.ZodType, wire: unknown): Promise<unknown> {
  const decoded = await guard(where, () => schema.safeParseAsync(wire));
  if (decoded.success) return decoded.data;
  throw new TerminalError(formatIssues(decoded.error, wire, where), { code: 'BAD_VALUE' });
}

/** A codec that throws instead of reporting an issue may show the value in its message: only the class goes on. */
async function guard<T>(where: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (thrown) {
    if (thrown instanceof ColonyError) throw thrown;
    throw new TerminalError(`${where}: expected a value that can be read, got ${toError(thrown).name}`, {
      code: 'BAD_VALUE',
    });
  }
}
