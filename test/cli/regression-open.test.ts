import { expect, test } from 'vitest';
import { describeCall, describeStage } from '../../cli/views/regression-open.ts';

const NOW = Date.UTC(2026, 10, 20, 12);
const CALL = {
  node: 'forward-x1-3',
  functionName: 'regression_forward',
  party: 'x1',
  state: 'running',
  since: new Date(NOW - 4000),
  isOnline: true,
  lastHeard: new Date(NOW - 1000),
} as const;

test('a call says whose turn it is, since when, and how long its daemon has been silent', () => {
  expect(describeCall(CALL, NOW)).toBe('x1: forward-x1-3, running for 4.0 s');
  const silent = { ...CALL, lastHeard: new Date(NOW - 60_000) };
  expect(describeCall(silent, NOW)).toBe(
    'x1: forward-x1-3, running for 4.0 s; its daemon was last heard from 60.0 s ago',
  );
  const gone = { ...CALL, isOnline: false, lastHeard: new Date(NOW - 600_000) };
  expect(describeCall(gone, NOW)).toMatch(
    /; no daemon of type x1 is online \(last heard from 2026-11-20 11:50:00 UTC\): ask its operator to start it$/,
  );
  expect(describeCall({ ...CALL, since: undefined, isOnline: false, lastHeard: undefined }, NOW)).toMatch(
    /^x1: forward-x1-3, running; no daemon of type x1 is online: ask/,
  );
});

test('a stage says which iterations its block has', () => {
  expect(describeStage({ name: 'block', from: 10, to: 20 })).toBe('block of iterations 10 to 19');
  expect(describeStage({ name: 'block', from: 3, to: 4 })).toBe('block of iteration 3');
  expect(describeStage({ name: 'set-up' })).toMatch(/^set-up/);
});
