import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { tableReport } from '../framework/report.ts';

/** `colonies location ls` */
export const locationLs = defineCommand({
  describe: 'List the locations of the colony',
  options: memberKey,
  examples: [['location ls', 'the places that "executor ls --location" knows']],
  async run(args, context) {
    const { Location } = await import('../../colony/messages/locations.ts');
    const { listToWire } = await import('../views/wire.ts');
    const { client, colonyName } = await context.connect('member', args);
    const locations = await client.getLocations({ colonyName });
    return tableReport(
      listToWire(Location, locations),
      [{ title: 'NAME' }, { title: 'DESCRIPTION', shrinks: true }, { title: 'LONG' }, { title: 'LAT' }],
      locations.map(({ name, description, longitude, latitude }) => [
        name,
        description,
        longitude.toFixed(4),
        latitude.toFixed(4),
      ]),
      'No locations found',
    );
  },
});
