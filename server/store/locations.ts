import type { Location } from '../../colony/messages/locations.ts';
import { MAX_LOCATIONS_PER_LIST } from '../limits.ts';
import type { Database } from './database.ts';
import { fitting } from './values.ts';

/** One row of `locations`. */
interface LocationRow {
  readonly colony_name: string;
  readonly name: string;
  readonly location_id: string;
  readonly description: string;
  readonly longitude: number;
  readonly latitude: number;
}

/** Stores a location; its name must be a new one in its colony. */
export function insertLocation(database: Database, location: Location): void {
  database.run(
    `INSERT INTO locations (colony_name, name, location_id, description, longitude, latitude)
     VALUES (?, ?, ?, ?, ?, ?)`,
    location.colonyName,
    location.name,
    location.locationId,
    location.description,
    location.longitude,
    location.latitude,
  );
}

/** The location of that name. */
export function findLocation(database: Database, colonyName: string, name: string): Location | undefined {
  const row = database.get<LocationRow>('SELECT * FROM locations WHERE colony_name = ? AND name = ?', colonyName, name);
  return row === undefined ? undefined : toLocation(row);
}

/** What a row takes in an answer beside its description, more or less. */
const BYTES_PER_LOCATION = 1500;

/** The locations of a colony by name, as far as they fit into one answer. */
export function listLocations(database: Database, colonyName: string): readonly Location[] {
  const rows = database.all<LocationRow>(
    'SELECT * FROM locations WHERE colony_name = ? ORDER BY name LIMIT ?',
    colonyName,
    MAX_LOCATIONS_PER_LIST,
  );
  return fitting(rows, (row) => BYTES_PER_LOCATION + Buffer.byteLength(row.description)).map(toLocation);
}

function toLocation(row: LocationRow): Location {
  return {
    locationId: row.location_id,
    name: row.name,
    colonyName: row.colony_name,
    description: row.description,
    longitude: row.longitude,
    latitude: row.latitude,
  };
}
