import {
  addLocation,
  getLocation,
  getLocations,
  type Location,
  removeLocation,
} from '../../colony/messages/locations.ts';
import { faultTexts, type Handler, reads, writes } from '../handler.ts';
import { MAX_DESCRIPTION_CHARACTERS } from '../limits.ts';
import { Refusal, required } from '../refusal.ts';
import { colonyOwner, looseMember, ofExistingColony } from '../roles.ts';
import { findLocation, insertLocation, listLocations } from '../store/locations.ts';
import { randomId } from '../store/values.ts';
import { requireName, requirePrintable } from './names.ts';

const NOT_ADDED = 'Failed to add location';

/** The places that executors are at. */
export const locationHandlers: readonly Handler[] = [
  writes({
    message: addLocation,
    texts: faultTexts(NOT_ADDED, undefined, { location: 'Failed to add location, location is nil' }),
    role: ({ location }, call) => ofExistingColony(colonyOwner)(location, call),
    handle({ location }, _subject, { database }) {
      requireLocation(location);
      const { colonyName, name, locationId } = location;
      if (findLocation(database, colonyName, name) !== undefined) {
        throw new Refusal(400, `A location with name <${name}> already exists in Colony with name <${colonyName}>`);
      }
      insertLocation(database, { ...location, locationId: locationId === '' ? randomId() : locationId });
      return required(findLocation(database, colonyName, name), 500, 'Failed to add location, addedLocation is nil');
    },
  }),
  reads({
    message: getLocations,
    texts: faultTexts('Failed to get locations'),
    role: ofExistingColony(looseMember),
    handle: ({ colonyName }, _member, { database }) => listLocations(database, colonyName),
  }),
  reads({
    message: getLocation,
    texts: faultTexts('Failed to get location'),
    role: ofExistingColony(looseMember),
    handle: ({ colonyName, name }, _member, { database }) =>
      required(findLocation(database, colonyName, name), 404, 'Failed to get location, location is nil'),
  }),
  writes({
    message: removeLocation,
    texts: faultTexts('Failed to remove location'),
    role: ofExistingColony(colonyOwner),
    handle({ colonyName, name }, _subject, { database }) {
      if (database.run('DELETE FROM locations WHERE colony_name = ? AND name = ?', colonyName, name) === 0) {
        throw new Refusal(400, `Location with name <${name}> not found`);
      }
    },
  }),
];

const MAX_LONGITUDE = 180;
const MAX_LATITUDE = 90;

function requireLocation({ name, locationId, description, longitude, latitude }: Location): void {
  requireName(name, NOT_ADDED);
  requirePrintable(locationId, `${NOT_ADDED}, the id`);
  requirePrintable(description, `${NOT_ADDED}, the description`, MAX_DESCRIPTION_CHARACTERS);
  if (Math.abs(longitude) > MAX_LONGITUDE || Math.abs(latitude) > MAX_LATITUDE) {
    throw new Refusal(
      400,
      `${NOT_ADDED}, expected a longitude within ±${MAX_LONGITUDE} and a latitude within ±${MAX_LATITUDE} degrees, got ${longitude} and ${latitude}`,
    );
  }
}
