import { addFunction, getFunctions, removeFunction } from '../../colony/messages/executors.ts';
import { faultTexts, type Handler, reads, writes } from '../handler.ts';
import { Refusal, required } from '../refusal.ts';
import { member, requireMember } from '../roles.ts';
import { findFunction, insertFunction, listFunctions, toFunction } from '../store/functions.ts';
import { findExecutor } from '../store/members.ts';
import { requireName, requirePrintable, requireReportSize } from './names.ts';

/** The functions that executors say they run. */
export const functionHandlers: readonly Handler[] = [
  writes({
    message: addFunction,
    texts: faultTexts('Failed to add function', undefined, { fun: 'Failed to add function, msg.Function is nil' }),
    role: ({ function: added }, call) => requireMember(call, added.colonyName),
    handle({ function: added }, caller, { database }) {
      requireName(added.functionName, 'Failed to add function');
      requirePrintable(added.executorType, 'Failed to add function, the type');
      requireReportSize([added.description, added.args], 'Failed to add function');
      const executor = required(
        findExecutor(database, added.colonyName, added.executorName),
        400,
        `Failed to add function, Executor with name <${added.executorName}> does not exist`,
      );
      if (executor.executor_id !== caller.id) {
        throw new Refusal(403, 'Not allowed to add a function to another executor');
      }
      return toFunction(insertFunction(database, added, executor));
    },
  }),
  reads({
    message: getFunctions,
    texts: faultTexts('Failed to get function'),
    role: member,
    handle: ({ colonyName, executorName }, _member, { database }) =>
      listFunctions(database, colonyName, executorName).map(toFunction),
  }),
  writes({
    message: removeFunction,
    texts: faultTexts('Failed to remove function'),
    role({ functionId }, call) {
      if (functionId === '') throw new Refusal(400, 'Failed to remove function, msg.FunctionID is empty');
      const row = findFunction(call.database, functionId);
      const found = required(row, 404, 'Failed to remove function, function does not exist');
      return { found, caller: requireMember(call, found.colony_name) };
    },
    handle({ functionId }, { found, caller }, { database }) {
      if (findExecutor(database, found.colony_name, found.executor_name)?.executor_id !== caller.id) {
        throw new Refusal(403, 'Not allowed to remove a function from another executor');
      }
      database.run('DELETE FROM functions WHERE function_id = ?', functionId);
    },
  }),
];
