import { changeColonyId, changeServerId, changeUserId } from '../../colony/messages/colonies.ts';
import { faultTexts, type Handler, writes } from '../handler.ts';
import { keepBelongings } from '../ownership.ts';
import { Refusal, required } from '../refusal.ts';
import { colonyOwner, looseMember, serverOwner } from '../roles.ts';
import { findColony, findUserById, isKnownId, rememberFormerId } from '../store/members.ts';
import { changeServerOwner } from '../store/server-owner.ts';
import { requireId } from './names.ts';

/**
 * New ids for the owners of servers and colonies, and for users. Nothing proves that whoever asks has the new key: owners
 * may hand over to anybody, users must not take an id that is somebody's.
 */
export const identityHandlers: readonly Handler[] = [
  writes({
    message: changeServerId,
    texts: faultTexts('Failed to change colony Id'),
    role: serverOwner,
    handle({ serverId }, _subject, { database }) {
      requireNewId(serverId, 'colony');
      changeServerOwner(database, serverId);
      return { serverid: serverId, msgtype: changeServerId.type };
    },
  }),
  writes({
    message: changeColonyId,
    texts: faultTexts('Failed to change colony Id'),
    role: colonyOwner,
    handle({ colonyName, colonyId }, _subject, { database }) {
      requireNewId(colonyId, 'colony');
      const owned = database.get<{ colony_name: string }>(
        'SELECT colony_name FROM colonies WHERE colony_id = ?',
        colonyId,
      );
      if (owned !== undefined && owned.colony_name !== colonyName) {
        throw new Refusal(400, `A Colony with Id <${colonyId}> already exists`);
      }
      const formerId = required(findColony(database, colonyName), 400, 'Failed to change colony Id').colony_id;
      rememberFormerId(database, { colonyName, userName: '', formerId });
      database.run('UPDATE colonies SET colony_id = ? WHERE colony_name = ?', colonyId, colonyName);
      return { colonyname: colonyName, colonyid: colonyId, msgtype: changeColonyId.type };
    },
  }),
  writes({
    message: changeUserId,
    texts: faultTexts('Failed to add log', 'Failed to change user Id'),
    role: looseMember,
    handle({ colonyName, userId }, caller, { database }) {
      const own = findUserById(database, colonyName, caller.id);
      requireNewId(userId, 'user', own !== undefined);
      if (isKnownId(database, userId)) throw new Refusal(400, 'Failed to change user Id, somebody has this Id already');
      const { name } = required(own, 400, 'Failed to change user Id, user not found');
      rememberFormerId(database, { colonyName, userName: name, formerId: caller.id });
      database.run('UPDATE users SET user_id = ? WHERE colony_name = ? AND name = ?', userId, colonyName, name);
      keepBelongings(database, colonyName, caller.id, userId);
      return { colonyname: colonyName, userid: userId, msgtype: changeUserId.type };
    },
  }),
];

/**
 * @param isCallerOne whether the caller is what has such an id
 * @throws Refusal 400
 */
function requireNewId(id: string, kind: 'colony' | 'user', isCallerOne = true): void {
  const failure = `Failed to change ${kind} Id`;
  if (id === '') throw new Refusal(400, `${failure}, ${kind} Id is empty`);
  if (!isCallerOne) throw new Refusal(400, `${failure}, ${kind} not found`);
  requireId(id, `${failure}, new ${kind} Id is not 64 characters`);
}
