import { definePausing } from '../views/pausing.ts';

/** `colonies process resume` */
export const processResume = definePausing({
  describe: 'Hand out processes of the colony again',
  details: 'Ends what "colonies process pause" began.',
  example: ['process resume', 'waiting executors get work at once'],
  isPaused: false,
  apply: (client, colony) => client.resumeAssignments(colony),
});
