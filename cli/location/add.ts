import { defineCommand } from '../command.ts';
import { colonyKey } from '../framework/global-options.ts';
import { doneReport } from '../framework/report.ts';

/** `colonies location add` */
export const locationAdd = defineCommand({
  describe: 'Add a place that executors can be at; needs the key of the colony',
  options: {
    name: { type: 'string', describe: 'name of the location', required: true },
    desc: { type: 'string', describe: 'what is there', default: '' },
    long: {
      type: 'number',
      describe: 'longitude in degrees, east is positive',
      default: 0,
      minimum: -180,
      maximum: 180,
      fraction: true,
    },
    lat: {
      type: 'number',
      describe: 'latitude in degrees, north is positive',
      default: 0,
      minimum: -90,
      maximum: 90,
      fraction: true,
    },
    ...colonyKey,
  },
  examples: [['location add --name lulea --long 22.15 --lat 65.58', 'executors name it when they register']],
  async run(args, context) {
    const { Location } = await import('../../colony/messages/locations.ts');
    const { toWire } = await import('../views/wire.ts');
    const { client, colonyName } = await context.connect('colony', args);
    const { name, desc: description, long: longitude, lat: latitude } = args;
    const location = await client.addLocation({
      location: { locationId: '', name, colonyName, description, longitude, latitude },
    });
    return doneReport(`Location added: ${location.name}`, toWire(Location, location));
  },
});
