import { getBlueprintDefinitions, getBlueprints } from '../../colony/messages/blueprints.ts';
import { faultTexts, type Handler, reads } from '../handler.ts';
import { Refusal } from '../refusal.ts';
import { memberOrColonyOwner } from '../roles.ts';

const NOT_OFFERED = [
  'addblueprintdefinitionmsg',
  'getblueprintdefinitionmsg',
  'removeblueprintdefinitionmsg',
  'addblueprintmsg',
  'getblueprintmsg',
  'updateblueprintmsg',
  'removeblueprintmsg',
  'getblueprinthistorymsg',
  'updateblueprintstatusmsg',
  'reconcileblueprintmsg',
];

/** Declarative deployments, which this server does not offer: there are none, and whoever wants one is told so. */
export const blueprintHandlers: readonly Handler[] = [
  reads({
    message: getBlueprints,
    texts: faultTexts('Failed to get blueprints'),
    role: memberOrColonyOwner,
    handle: () => [],
  }),
  reads({
    message: getBlueprintDefinitions,
    texts: faultTexts('Failed to get blueprint definitions'),
    role: memberOrColonyOwner,
    handle: () => [],
  }),
  ...NOT_OFFERED.map(refuses),
];

function refuses(type: string): Handler {
  return {
    type,
    replyType: type,
    texts: faultTexts('Failed to answer a message about blueprints'),
    kind: 'read',
    answer() {
      throw new Refusal(501, `${type}: this server offers no blueprints; start executors by other means`);
    },
  };
}
