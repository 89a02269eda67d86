import { defineCommand } from '../command.ts';
import { memberKey } from '../framework/global-options.ts';
import { unknownToServer } from '../framework/refusals.ts';
import { factsReport } from '../framework/report.ts';

/** `colonies location get` */
export const locationGet = defineCommand({
  describe: 'Print everything about a location',
  positional: { name: { type: 'string', describe: 'name of the location', required: true } },
  options: memberKey,
  examples: [['location get lulea', 'where it is, and what is there']],
  async run({ name, prvkey }, context) {
    const { Location } = await import('../../colony/messages/locations.ts');
    const { toWire } = await import('../views/wire.ts');
    const { client, colonyName } = await context.connect('member', { prvkey });
    const location = await client.getLocation({ colonyName, name }).catch(unknownToServer(`location "${name}"`));
    return factsReport(toWire(Location, location), [
      ['Name', location.name],
      ['LocationId', location.locationId],
      ['Colony', location.colonyName],
      ['Description', location.description],
      ['Longitude', String(location.longitude)],
      ['Latitude', String(location.latitude)],
    ]);
  },
});
