/** Priorities lie within ± this. */
export const MAX_PRIORITY = 50_000;
/** The longest limit of time that can be submitted, in seconds: 100 years. Longer ones leave what a date can hold. */
export const MAX_LIMIT_SECONDS = 3_155_760_000;
/** At most so many entries in the environments of one submission. */
export const MAX_ENVIRONMENT_ENTRIES = 4000;
/** At most so many keyword arguments in one submission. */
export const MAX_KEYWORD_ARGUMENTS = 25_000;
/** At most so many names of executors in one submission. */
export const MAX_EXECUTOR_NAMES = 100_000;
/** At most so many snapshots and directories to mount in one submission. */
export const MAX_MOUNTS = 10_000;
/** At most so many channels in one submission. */
export const MAX_SUBMITTED_CHANNELS = 10_000;
/** At most so many executors, functions or users in one list. */
export const MAX_MEMBERS_PER_LIST = 10_000;
/** At most so many attributes of one process, and so many characters in them, are added while it runs. */
export const MAX_ATTRIBUTES = { count: 1000, characters: 1024 * 1024 } as const;
/** The longest report of an executor on itself, and description of a function, in characters of JSON. */
export const MAX_REPORT_CHARACTERS = 256 * 1024;
/** A list ends early, after one entry at least, when it would hold more than so many bytes. */
export const MAX_LIST_BYTES = 16 * 1024 * 1024;
/** At most so many processes or workflows in one list. */
export const MAX_PROCESSES_PER_LIST = 100;
/** At most so many processes in one answer about the past. */
export const MAX_HISTORY = 1000;
/** At most so many log lines in one answer. */
export const MAX_LOGS_PER_LIST = 500;
/** At most so many log lines in the answer to a search. */
export const MAX_LOGS_PER_SEARCH = 100;
/** A search goes back so many days at most. */
export const MAX_SEARCH_DAYS = 30;
/** The longest label or name of a file, in UTF-16 units. */
export const MAX_FILE_NAME_CHARACTERS = 1000;
/** At most so many files, labels, revisions or snapshots in one list, and files in one snapshot. */
export const MAX_FILES_PER_LIST = 20_000;
/** At most so many locations in one list. */
export const MAX_LOCATIONS_PER_LIST = 10_000;
/** The longest description of a location, in UTF-16 units. */
export const MAX_DESCRIPTION_CHARACTERS = 2000;
/** At most so many lines in the log of one process. */
export const MAX_PROCESS_LOG_LINES = 10_000;
/** At most so many lines of one executor about itself within an hour. */
export const MAX_EXECUTOR_LOG_LINES_PER_HOUR = 10_000;
/** The longest line of a log, in UTF-16 units. */
export const MAX_LOG_CHARACTERS = 64 * 1024;
/** At most so many nodes in one workflow. */
export const MAX_WORKFLOW_NODES = 2500;
/** At most so many dependencies of one node. */
export const MAX_NODE_DEPENDENCIES = 1000;
/** At most so many dependencies of all nodes of a workflow together. */
export const MAX_WORKFLOW_DEPENDENCIES = 10_000;
/**
 * The largest input that a process may get from its parents by default, in bytes of JSON. With a spec as large as a
 * request can be, it makes an answer that our client still reads (64 MiB of base64).
 */
export const DEFAULT_MAX_INPUT_BYTES = 32 * 1024 * 1024;
/** What the nodes that begin a workflow may get together from its cron or generator, in bytes. */
export const MAX_GIVEN_TO_ROOTS_BYTES = 32 * 1024 * 1024;
/** At most so many crons, and so many generators, in one colony. */
export const MAX_TRIGGERS = 1000;
/** So many nodes are submitted by crons and generators before others get their turn. */
export const TRIGGERED_NODES_PER_TURN = 1000;
/** At most so many texts wait in a generator, so that no batch can be larger either. */
export const MAX_GENERATOR_QUEUE = 10_000;
/** At most so many channels of one process. */
export const MAX_CHANNELS = 100;
/** The longest name of a channel. */
export const MAX_CHANNEL_NAME_CHARACTERS = 200;
/** The largest payload of an entry of a channel, in bytes. */
export const MAX_ENTRY_BYTES = 10 * 1024 * 1024;
/** At most so many entries in one channel. */
export const MAX_CHANNEL_ENTRIES = 10_000;
/** What the channels of one process may hold together, in bytes. */
export const MAX_PROCESS_CHANNEL_BYTES = 128 * 1024 * 1024;
/** What all channels may hold together by default, in bytes. */
export const DEFAULT_MAX_CHANNEL_BYTES = 1024 * 1024 * 1024;
/** How many entries a process may get at once, and how many more it may get every second. */
export const CHANNEL_RATE = { burst: 500, perSecond: 100 } as const;
/** An answer or frame with entries of a channel ends early, after one entry at least, when it would hold more bytes. */
export const MAX_ENTRIES_BYTES = 16 * 1024 * 1024;
/** The largest HTTP body by default, in bytes. */
export const DEFAULT_MAX_BODY_BYTES = 16 * 1024 * 1024;
/** What all bodies that are being received may hold together by default, in bytes. */
export const DEFAULT_MAX_RECEIVED_BYTES = 256 * 1024 * 1024;
/** A body of which nothing comes for so long is given up by default. */
export const DEFAULT_STALL_MS = 30_000;
/** A header that is not whole after so long is given up by default. */
export const DEFAULT_HEADER_MS = 10_000;
/** What all clients together may leave unread by default, in bytes. */
export const DEFAULT_MAX_UNREAD_BYTES = 512 * 1024 * 1024;
/** So many connections at the same time by default. */
export const DEFAULT_MAX_CONNECTIONS = 5000;
/** Envelopes are flat; what is nested deeper than this, in a field that nobody reads, is refused. */
export const MAX_ENVELOPE_DEPTH = 8;
/** At most so many commas outside the texts of an envelope. */
export const MAX_ENVELOPE_COMMAS = 64;
/** How deep the JSON of a payload may be nested. */
export const MAX_PAYLOAD_DEPTH = 200;
/** What the JSON of a payload may weigh, in elements of lists. */
export const MAX_PAYLOAD_WEIGHT = 1_000_000;
/** The longest payload, in characters of base64, that is read for somebody who belongs to no colony of the server. */
export const MAX_STRANGER_CHARACTERS = 16 * 1024;
/** So many WebSockets at the same time; more are refused with 503. */
export const MAX_SOCKETS = 1000;
/** So many different subscriptions on one WebSocket. */
export const MAX_SUBSCRIPTIONS_PER_SOCKET = 100;
/** A WebSocket on which nobody has subscribed by then is closed, by default. */
export const DEFAULT_SUBSCRIBE_MS = 10_000;
/** A WebSocket whose client leaves more than this unread is cut off, in bytes. */
export const MAX_UNREAD_BYTES = 128 * 1024 * 1024;
/** The largest WebSocket frame, in bytes: all that comes are subscriptions, which are small. */
export const MAX_FRAME_BYTES = 64 * 1024;
/** An executor not heard from for so long is unregistered by default. */
export const DEFAULT_STALE_EXECUTOR_SECONDS = 600;
/** For so long an identical request with a nonce is answered with the first one's answer instead of being done again. */
export const REPEAT_WINDOW_MS = 10 * 60 * 1000;
/** So many polls with a nonce are remembered as answered: as many as one server answers within the window, in 16 MB. */
export const MAX_REMEMBERED_POLLS = 2 ** 20;
