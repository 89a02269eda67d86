// What the TypeScript side calls. Addresses are byte offsets into the instance's memory.

export { canonicalise, combineHalves, combinePairs, convertChunks, joinPairs, maskChunks, multiplyHalves, openPairs, shrinkChunks, takeLogarithms } from './canonical';
export { bitsAt, loadNumber, storeNumber } from './digits';
export { copyLane, loadLane, storeLane } from './lanes';
export { multiplyPairs, squarePairs } from './pair';
export { multiplyByRows, powerPairs, selectRow, storeRow } from './power';
export { configure, modulusAddress, multiplierAddress } from './shape';
