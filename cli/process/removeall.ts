import { defineRemoveAll } from '../views/removal.ts';

/** `colonies process removeall` */
export const processRemoveAll = defineRemoveAll({
  group: 'process',
  plural: 'processes',
  details:
    'Without a state, running processes are removed, too. Those of workflows stay, see "colonies workflow removeall".',
  remove: (client, request) => client.removeAllProcesses(request),
});
