import { ChannelEntry } from './channels.ts';
import { defineMessage } from './message.ts';
import { Process, ProcessState } from './processes.ts';
import { field, integer, list, text } from './wire.ts';

/** Of which the events below are told: one state of processes, for so many seconds, after which the server closes. */
const watched = {
  state: field('state', ProcessState),
  timeoutSeconds: field('timeout', integer),
};

/**
 * Events of one process, over WebSocket: one event at once when it is in the state already, and one each time it enters
 * it. An empty executor type means the process's own. Role: member of the process's colony. Events are labelled
 * `subscribeprocessmsg` and carry a process; the official server's events may lack `output` and `endTime`.
 */
export const subscribeProcess = defineMessage(
  'subscribeprocessmsg',
  {
    colonyName: field('colonyname', text),
    processId: field('processid', text),
    executorType: field('executortype', text),
    ...watched,
  },
  Process,
);

/**
 * Events of all processes of one executor type that enter a state, over WebSocket. Role: member (the official server:
 * executors only). The events are labelled `subscribeprocessmsg` too.
 */
export const subscribeProcesses = defineMessage(
  'subscribeprocessesmsg',
  { colonyName: field('colonyname', text), executorType: field('executortype', text), ...watched },
  Process,
);

/**
 * Entries of a channel, over WebSocket: those from a position (0-based, in the channel's log) on, then each new one, as
 * lists; an empty list when the time is over. Role: initiator or assigned executor.
 */
export const subscribeChannel = defineMessage(
  'subscribechannelmsg',
  {
    processId: field('processid', text),
    name: field('name', text),
    afterPosition: field('afterseq', integer),
    timeoutSeconds: field('timeout', integer),
  },
  list(ChannelEntry),
);

/** Every message that goes over WebSocket. */
export const subscriptions = { subscribeChannel, subscribeProcess, subscribeProcesses };
