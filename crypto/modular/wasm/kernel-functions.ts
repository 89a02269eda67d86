/** The functions of kernels/wasm/assembly/index.ts; every argument is a number, addresses are byte offsets. */
export interface KernelFunctions {
  configure(base: number, blocks: number, digitBits: number): number;
  multiplierAddress(): number;
  modulusAddress(): number;
  bitsAt(source: number, length: number, bit: number, count: number): number;
  loadNumber(to: number, lane: number, source: number, length: number, count: number): void;
  storeNumber(to: number, length: number, from: number, lane: number, count: number): void;
  convertChunks(out: number, chunks: number, count: number, constants: number, parts: number, vectors: number): void;
  maskChunks(out: number, chunks: number, residues: number, cube: number, base: number, vectors: number): void;
  shrinkChunks(out: number, chunks: number, vectors: number): void;
  multiplyPairs(out: number, a: number, b: number, vectors: number, bStride: number): void;
  squarePairs(out: number, a: number, vectors: number): void;
  openPairs(group: number, residues: number, vectors: number): void;
  joinPairs(out: number, group: number, base: number, vectors: number): void;
  canonicalise(
    x: number,
    count: number,
    modulus: number,
    top: number,
    inverse: number,
    vectors: number,
    stride: number,
  ): void;
  takeLogarithms(group: number, top: number, inverse: number, vectors: number): void;
  multiplyHalves(out: number, x: number, y: number, vectors: number): void;
  combineHalves(out: number, group: number, first: number, vectors: number): void;
  combinePairs(out: number, group: number, first: number, second: number, vectors: number): void;
  powerPairs(
    base: number,
    table: number,
    one: number,
    exponents: number,
    exponentBytes: number,
    vectorStride: number,
    laneStride: number,
    windowBits: number,
    vectors: number,
  ): void;
  storeRow(row: number, pair: number, lane: number): void;
  multiplyByRows(group: number, rows: number, rowBytes: number, vectors: number, first: number): void;
  selectRow(
    out: number,
    section: number,
    rowBytes: number,
    exponent: number,
    exponentBytes: number,
    bit: number,
    windowBits: number,
  ): void;
  copyLane(to: number, toLane: number, from: number, fromLane: number): void;
  loadLane(pair: number, lane: number, row: number): void;
  storeLane(row: number, pair: number, lane: number): void;
}
