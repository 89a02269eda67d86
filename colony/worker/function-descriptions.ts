import * as z from 'zod';
import type { ColonyFunction, ExecutorDefinition } from '../executor.ts';
import type { RegisteredFunction } from '../messages/executors.ts';

/** What people who look for a function are told of it. */
export type FunctionDescription = Pick<RegisteredFunction, 'functionName' | 'description' | 'args'>;

type Argument = NonNullable<RegisteredFunction['args']>[number];

/** Describes every function of a daemon: its sentence, and its named arguments as they stand in workflow JSON. */
export function describeFunctions(definition: ExecutorDefinition): readonly FunctionDescription[] {
  return Object.entries(definition.functions).map(([functionName, colonyFunction]) => ({
    functionName,
    description: colonyFunction.description,
    args: [...describeArguments(colonyFunction)],
  }));
}

function describeArguments({ kwargs }: ColonyFunction): readonly Argument[] {
  const schema = z.toJSONSchema(kwargs, { io: 'input', unrepresentable: 'any' });
  const required = new Set(schema.required);
  return Object.entries(schema.properties ?? {}).map(([name, property]) =>
    describeArgument(name, typeof property === 'boolean' ? {} : property, required.has(name)),
  );
}

function describeArgument(name: string, property: z.core.JSONSchema.JSONSchema, required: boolean): Argument {
  return {
    name,
    type: property.type === undefined ? 'any' : String(property.type),
    description: property.description,
    required,
    enum: property.enum?.map(String),
  };
}
