import type * as z from 'zod';
import { defineMessage, Nothing } from './message.ts';
import { field, list, number, text, wireObject } from './wire.ts';

const locationCodec = wireObject({
  locationId: field('locationid', text),
  name: field('name', text),
  colonyName: field('colonyname', text),
  description: field('description', text),
  longitude: field('long', number),
  latitude: field('lat', number),
});
/** A place that executors are at. */
export interface Location extends z.output<typeof locationCodec> {}
/** @see {@link Location} */
export const Location: z.ZodType<Location> = locationCodec;

const colonyName = field('colonyname', text);
const name = field('name', text);

/** Adds a location. Role: colony owner. */
export const addLocation = defineMessage('addlocationmsg', { location: field('location', Location) }, Location);
/** All locations. Role: member, in whatever state. */
export const getLocations = defineMessage('getlocationsmsg', { colonyName }, list(Location));
/** One location by name. Role: member, in whatever state. */
export const getLocation = defineMessage('getlocationmsg', { colonyName, name }, Location);
/** Removes a location. Role: colony owner. */
export const removeLocation = defineMessage('removelocationmsg', { colonyName, name }, Nothing);
