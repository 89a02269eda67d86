import {
  addColony,
  addUser,
  getColonies,
  getColony,
  getColonyStatistics,
  getPauseStatus,
  getUser,
  getUserById,
  getUsers,
  pauseAssignments,
  removeColony,
  removeUser,
  resumeAssignments,
} from '../../colony/messages/colonies.ts';
import { type Call, faultTexts, type Handler, reads, writes, writesInSteps } from '../handler.ts';
import { Refusal, required } from '../refusal.ts';
import { inOrder, removeColonyInSteps } from '../removal.ts';
import { colonyOwner, looseMember, member, ofExistingColony, serverOwner } from '../roles.ts';
import { type ColonyRow, findColony, findUser, findUserById, listUsers, toColony, toUser } from '../store/members.ts';
import { countColony } from '../store/statistics.ts';
import { requireId, requireName, requirePrintable } from './names.ts';

/** Colonies, their users, and whether they hand out work. */
export const colonyHandlers: readonly Handler[] = [
  writes({
    message: addColony,
    texts: faultTexts('Failed to add colony', undefined, { colony: 'Failed to add colony, colony is <nil>' }),
    role: serverOwner,
    handle({ colony }, _subject, { database }) {
      requireId(colony.colonyId, 'Failed to add colony, invalid colony Id length');
      requireName(colony.name, 'Failed to add colony');
      if (findColony(database, colony.name) !== undefined) {
        throw new Refusal(400, `A Colony with name <${colony.name}> already exists`);
      }
      if (database.get('SELECT 1 FROM colonies WHERE colony_id = ?', colony.colonyId) !== undefined) {
        throw new Refusal(400, `A Colony with Id <${colony.colonyId}> already exists`);
      }
      database.run('INSERT INTO colonies (colony_name, colony_id) VALUES (?, ?)', colony.name, colony.colonyId);
      return colony;
    },
  }),
  writesInSteps({
    message: removeColony,
    texts: faultTexts('Failed to remove colony'),
    role: serverOwner,
    handle({ colonyName }, _subject, call) {
      required(findColony(call.database, colonyName), 400, `Colony with name <${colonyName}> not found`);
      return inOrder(removeColonyInSteps(colonyName), (transaction) => {
        call.scheduler.serveColony(transaction, colonyName);
        return 'done';
      });
    },
  }),
  reads({
    message: getColonies,
    texts: faultTexts('Failed to get colonies'),
    role: serverOwner,
    handle: (_request, _subject, { database }) =>
      database.all<ColonyRow>('SELECT * FROM colonies ORDER BY colony_name').map(toColony),
  }),
  reads({
    message: getColony,
    texts: faultTexts('Failed to get colony'),
    role: member,
    handle: ({ colonyName }, _member, { database }) =>
      toColony(required(findColony(database, colonyName), 500, 'Failed to get colony, colony is nil')),
  }),
  reads({
    message: getColonyStatistics,
    texts: faultTexts('Failed to get colony statistics'),
    role: ofExistingColony(member, (colonyName) => `Colony with name <${colonyName}> not found`),
    handle: ({ colonyName }, _member, { database }) => countColony(database, colonyName),
  }),
  writes({
    message: pauseAssignments,
    texts: faultTexts('Failed to pause assignments'),
    role: colonyOwner,
    handle: ({ colonyName }, _subject, call) => setPaused(call, colonyName, true),
  }),
  writes({
    message: resumeAssignments,
    texts: faultTexts('Failed to resume assignments'),
    role: colonyOwner,
    handle(request, _subject, call) {
      setPaused(call, request.colonyName, false);
      call.scheduler.serveColony(call, request.colonyName);
    },
  }),
  reads({
    message: getPauseStatus,
    texts: faultTexts('Failed to get pause status'),
    role: looseMember,
    replyType: 'pausestatusreplymsg',
    handle: ({ colonyName }, _member, { database }) => ({
      colonyName,
      isPaused: findColony(database, colonyName)?.is_paused === 1,
    }),
  }),
];

function setPaused({ database }: Call, colonyName: string, isPaused: boolean): undefined {
  database.run('UPDATE colonies SET is_paused = ? WHERE colony_name = ?', isPaused ? 1 : 0, colonyName);
}

/** Users of colonies. */
export const userHandlers: readonly Handler[] = [
  writes({
    message: addUser,
    texts: faultTexts('Failed to add user', undefined, { user: 'Failed to add user, executor is nil' }),
    role: ({ user }, call) => ofExistingColony(colonyOwner)(user, call),
    handle({ user }, _subject, { database }) {
      requireName(user.name, 'Failed to add user');
      requirePrintable(user.email, 'Failed to add user, the email');
      requirePrintable(user.phone, 'Failed to add user, the phone');
      requireId(user.userId, 'Failed to add user, invalid user Id length');
      if (findUser(database, user.colonyName, user.name) !== undefined) {
        throw new Refusal(
          400,
          `A user with name <${user.name}> already exists in Colony with name <${user.colonyName}>`,
        );
      }
      if (findUserById(database, user.colonyName, user.userId) !== undefined) {
        throw new Refusal(
          400,
          `A user with Id <${user.userId}> already exists in Colony with name <${user.colonyName}>`,
        );
      }
      const { colonyName, name, userId, email, phone } = user;
      database.run('INSERT INTO users VALUES (?, ?, ?, ?, ?)', colonyName, name, userId, email, phone);
      return user;
    },
  }),
  reads({
    message: getUsers,
    texts: faultTexts('Failed to get users'),
    role: ofExistingColony(looseMember),
    handle: ({ colonyName }, _member, { database }) => listUsers(database, colonyName).map(toUser),
  }),
  reads({
    message: getUser,
    texts: faultTexts('Failed to get user'),
    role: ofExistingColony(looseMember),
    handle: ({ colonyName, name }, _member, { database }) =>
      toUser(required(findUser(database, colonyName, name), 500, 'Failed to get user, user is nil')),
  }),
  reads({
    message: getUserById,
    texts: faultTexts('Failed to get user by ID'),
    role: ofExistingColony(looseMember),
    handle: ({ colonyName, userId }, _member, { database }) =>
      toUser(required(findUserById(database, colonyName, userId), 404, 'Failed to get user by ID, user is nil')),
  }),
  writes({
    message: removeUser,
    texts: faultTexts('Failed to remove user'),
    role: ofExistingColony(colonyOwner),
    handle({ colonyName, name }, _subject, { database }) {
      if (database.run('DELETE FROM users WHERE colony_name = ? AND name = ?', colonyName, name) === 0) {
        throw new Refusal(400, `User with name <${name}> not found`);
      }
    },
  }),
];
