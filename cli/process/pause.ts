import { definePausing } from '../views/pausing.ts';

/** `colonies process pause` */
export const processPause = definePausing({
  describe: 'Stop handing out processes of the colony',
  details: 'Running processes go on, and submitted ones wait until "colonies process resume".',
  example: ['process pause', 'before the executors are updated'],
  isPaused: true,
  apply: (client, colony) => client.pauseAssignments(colony),
});
