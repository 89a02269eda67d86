/** The engine that the environment forces is unknown, not there, or wrong. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
}
