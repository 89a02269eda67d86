import { describe, expect, test } from 'vitest';
import { generateIdentity } from '../../colony/identity.ts';
import { addColony, addUser } from '../../colony/messages/colonies.ts';
import { addExecutor, addFunction } from '../../colony/messages/executors.ts';
import { quick } from '../support/server-calls.ts';
import { executorRegistration, startTestColony, type TestColony } from '../support/test-colony.ts';

/** What it is answered to call a colony, a user, an executor, an executor's type and a function so. */
async function answersTo(colony: TestColony, name: string): Promise<unknown[]> {
  const { colonyName, colonyOwner } = colony;
  const executor = await colony.addExecutor('worker', 'good');
  const user = { colonyName, userId: generateIdentity().id, name, email: '', phone: '' };
  const named = { identity: generateIdentity(), type: 'worker', name };
  const typed = { identity: generateIdentity(), type: name, name: 'typed' };
  const register = (registered: typeof named) =>
    colony.call(colonyOwner, addExecutor, { executor: executorRegistration(colonyName, registered) });
  const calls = [
    colony.call(colony.serverOwner, addColony, { colony: { colonyId: generateIdentity().id, name } }),
    colony.call(colonyOwner, addUser, { user }),
    register(named),
    register(typed),
    colony.call(executor.identity, addFunction, { function: functionNamed(name) }),
  ];
  return Promise.all(calls.map((call) => call.catch((thrown: unknown) => thrown)));
}

function functionNamed(functionName: string) {
  return {
    functionId: '',
    executorName: 'good',
    executorType: 'worker',
    colonyName: 'test',
    functionName,
    counter: 0,
    minWaitTimeSeconds: 0,
    maxWaitTimeSeconds: 0,
    minExecTimeSeconds: 0,
    maxExecTimeSeconds: 0,
    averageWaitTimeSeconds: 0,
    averageExecTimeSeconds: 0,
  };
}

describe('a name is refused', () => {
  test.for([
    ['with a line end', 'a\nb'],
    ['with an escape sequence', '\u001B[31mred'],
    ['with NUL', 'a\0b'],
    ['with a mark that turns the direction of text', 'a\u202Eb'],
    ['with half a character', 'a\uD800'],
    ['above 200 characters', 'x'.repeat(201)],
  ] as const)('%s', async ([, name]) => {
    await using colony = await startTestColony(quick);
    const refusal = { status: 400, serverMessage: expect.stringContaining('at most 200 characters and no control') };
    expect(await answersTo(colony, name)).toMatchObject([refusal, refusal, refusal, refusal, refusal]);
  });

  test('with a colon, or empty, except for types', async () => {
    for (const name of ['a:b', '']) {
      await using colony = await startTestColony(quick);
      const refusal = { status: 400, serverMessage: expect.stringContaining('no colon') };
      expect(await answersTo(colony, name)).toMatchObject([refusal, refusal, refusal, { executorType: name }, refusal]);
    }
  });
});

test('names in any script are accepted', async () => {
  await using colony = await startTestColony(quick);
  expect(await answersTo(colony, 'Sjukhuset i Örebro 東京 🏥')).toMatchObject([
    { colonyId: expect.any(String) },
    { userId: expect.any(String) },
    { state: 'pending' },
    { state: 'pending' },
    { functionId: expect.any(String) },
  ]);
});
