import type * as z from 'zod';

/**
 * Says what a schema refused, field by field, without any of the refused values:
 * `kwargs.paillier-pubkey: expected base64 text, got number`.
 *
 * @param received what was validated; only the types and sizes of its parts are shown
 * @param where put before every field, such as `kwargs`
 */
export function formatIssues(error: Pick<z.core.$ZodError, 'issues'>, received?: unknown, where?: string): string {
  return error.issues.map((issue) => formatIssue(issue, received, where)).join('; ');
}

function formatIssue(issue: z.core.$ZodIssue, received: unknown, where: string | undefined): string {
  const path = [...(where === undefined ? [] : [where]), ...issue.path.map(String)].join('.');
  const words = describeIssue(issue, received === undefined ? undefined : describe(valueAt(received, issue.path)));
  return path === '' ? words : `${path}: ${words}`;
}

/**
 * The built-in messages of zod quote keys and limits, never values; only unions and received values need words of ours,
 * and patterns bring their own.
 */
function describeIssue(issue: z.core.$ZodIssue, received: string | undefined): string {
  const got = received === undefined ? '' : `, got ${received}`;
  if (issue.code === 'invalid_type') return `expected ${issue.expected}${got}`;
  if (issue.code === 'invalid_format' && issue.format !== 'regex') return `expected ${issue.format} text${got}`;
  if (issue.code === 'invalid_value') return `expected one of ${issue.values.map(String).join(', ')}${got}`;
  if (issue.code === 'unrecognized_keys') return `unknown keys ${issue.keys.join(', ')}`;
  return issue.code === 'invalid_union' ? `expected one of several forms${got}` : issue.message;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = Reflect.get(current, key);
  }
  return current;
}

/** The kind and size of a value, for messages that must not show the value itself. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (typeof value === 'string') return `text of ${value.length} characters`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value;
}
