import type { FunctionSpec } from '../colony/messages/processes.ts';

/** As the value of a named argument, it stands for the public key of whoever submits. */
export const PUBLIC_KEY_PLACEHOLDER = '${public_key}';

/** Whether some function expects the submitter's public key. */
export function needsPublicKey(specs: readonly FunctionSpec[]): boolean {
  return specs.some(({ kwargs }) => Object.values(kwargs).includes(PUBLIC_KEY_PLACEHOLDER));
}

/**
 * The functions with the public key in every place that asks for it. Keys that a spec already carries stay.
 *
 * @param publicKey base64 text as in `public_key.b64`
 */
export function withPublicKey(specs: readonly FunctionSpec[], publicKey: string): FunctionSpec[] {
  const fill = (value: unknown): unknown => (value === PUBLIC_KEY_PLACEHOLDER ? publicKey : value);
  return specs.map((spec) => ({
    ...spec,
    kwargs: Object.fromEntries(Object.entries(spec.kwargs).map(([name, value]) => [name, fill(value)])),
  }));
}

/**
 * Warnings about named arguments that look like the placeholder, but are not.
 *
 * @param path where the spec stands in its document, such as `$[2]`
 */
export function misspeltPlaceholders({ kwargs }: FunctionSpec, path: string): string[] {
  return Object.entries(kwargs).flatMap(([name, value]) =>
    typeof value === 'string' && /^\$\{.*\}$/u.test(value) && value !== PUBLIC_KEY_PLACEHOLDER
      ? [`${path}.kwargs.${name}: "${value}" is sent as it is; the public key is "${PUBLIC_KEY_PLACEHOLDER}"`]
      : [],
  );
}
