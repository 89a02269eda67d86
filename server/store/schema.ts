import { UserError } from '../../colony/errors.ts';
import type { Database } from './database.ts';

/**
 * The schema's history: entry i brings a database from version i to i + 1 (`PRAGMA user_version`). Never change an
 * entry that has been released; add one. Times are milliseconds since 1970, NULL when not set; specs, values and errors
 * are JSON texts with the names of the wire.
 */
const migrations: readonly string[] = [
  `
  CREATE TABLE colonies (
    colony_name TEXT PRIMARY KEY,
    colony_id TEXT NOT NULL UNIQUE,
    is_paused INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;

  CREATE TABLE users (
    colony_name TEXT NOT NULL REFERENCES colonies ON DELETE CASCADE,
    name TEXT NOT NULL,
    user_id TEXT NOT NULL,
    email TEXT NOT NULL,
    phone TEXT NOT NULL,
    PRIMARY KEY (colony_name, name),
    UNIQUE (colony_name, user_id)
  ) WITHOUT ROWID;

  CREATE TABLE executors (
    colony_name TEXT NOT NULL REFERENCES colonies ON DELETE CASCADE,
    executor_name TEXT NOT NULL,
    executor_id TEXT NOT NULL,
    executor_type TEXT NOT NULL,
    state INTEGER NOT NULL,
    require_function_registration INTEGER NOT NULL,
    commission_ms INTEGER NOT NULL,
    last_heard_ms INTEGER,
    location_name TEXT NOT NULL,
    capabilities TEXT NOT NULL,
    allocations TEXT NOT NULL,
    blueprint_id TEXT NOT NULL,
    blueprint_generation INTEGER NOT NULL,
    PRIMARY KEY (colony_name, executor_name)
  ) WITHOUT ROWID;
  CREATE INDEX executors_by_id ON executors (colony_name, executor_id);

  CREATE TABLE functions (
    function_id TEXT PRIMARY KEY,
    colony_name TEXT NOT NULL,
    executor_name TEXT NOT NULL,
    executor_type TEXT NOT NULL,
    function_name TEXT NOT NULL,
    description TEXT,
    args TEXT,
    location_name TEXT NOT NULL,
    counter INTEGER NOT NULL DEFAULT 0,
    min_wait_seconds REAL NOT NULL DEFAULT 0,
    max_wait_seconds REAL NOT NULL DEFAULT 0,
    min_exec_seconds REAL NOT NULL DEFAULT 0,
    max_exec_seconds REAL NOT NULL DEFAULT 0,
    average_wait_seconds REAL NOT NULL DEFAULT 0,
    average_exec_seconds REAL NOT NULL DEFAULT 0,
    UNIQUE (colony_name, executor_name, function_name),
    FOREIGN KEY (colony_name, executor_name) REFERENCES executors ON DELETE CASCADE
  ) WITHOUT ROWID;

  CREATE TABLE workflows (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    workflow_id TEXT NOT NULL UNIQUE,
    colony_name TEXT NOT NULL REFERENCES colonies ON DELETE CASCADE,
    initiator_id TEXT NOT NULL,
    initiator_name TEXT NOT NULL,
    state INTEGER NOT NULL,
    submission_ms INTEGER NOT NULL,
    start_ms INTEGER,
    end_ms INTEGER
  );
  CREATE INDEX workflows_by_state ON workflows (colony_name, state, sequence);

  CREATE TABLE processes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    process_id TEXT NOT NULL UNIQUE,
    colony_name TEXT NOT NULL REFERENCES colonies ON DELETE CASCADE,
    workflow_id TEXT REFERENCES workflows (workflow_id) ON DELETE CASCADE,
    initiator_id TEXT NOT NULL,
    initiator_name TEXT NOT NULL,
    assigned_executor_id TEXT NOT NULL DEFAULT '',
    state INTEGER NOT NULL,
    executor_type TEXT NOT NULL,
    executor_names TEXT,
    location_name TEXT NOT NULL,
    cpu_milli INTEGER NOT NULL,
    memory_mebibytes INTEGER NOT NULL,
    label TEXT NOT NULL,
    node_name TEXT NOT NULL,
    priority_ms INTEGER NOT NULL,
    submission_ms INTEGER NOT NULL,
    start_ms INTEGER,
    end_ms INTEGER,
    wait_deadline_ms INTEGER,
    exec_deadline_ms INTEGER,
    retries INTEGER NOT NULL DEFAULT 0,
    waits_for_parents INTEGER NOT NULL,
    spec TEXT NOT NULL,
    input TEXT NOT NULL DEFAULT '[]',
    output TEXT NOT NULL DEFAULT '[]',
    errors TEXT NOT NULL DEFAULT '[]'
  );
  CREATE INDEX process_queue ON processes (colony_name, executor_type, priority_ms, sequence)
    WHERE state = 0 AND waits_for_parents = 0;
  CREATE INDEX process_wait_deadlines ON processes (wait_deadline_ms) WHERE state = 0 AND wait_deadline_ms IS NOT NULL;
  CREATE INDEX process_exec_deadlines ON processes (exec_deadline_ms) WHERE state = 1 AND exec_deadline_ms IS NOT NULL;
  CREATE INDEX processes_by_state ON processes (colony_name, state, end_ms);
  CREATE INDEX processes_by_workflow ON processes (workflow_id, sequence) WHERE workflow_id IS NOT NULL;
  CREATE INDEX running_processes_by_executor ON processes (assigned_executor_id) WHERE state = 1;

  CREATE TABLE edges (
    child_id TEXT NOT NULL REFERENCES processes (process_id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    parent_id TEXT NOT NULL REFERENCES processes (process_id) ON DELETE CASCADE,
    PRIMARY KEY (child_id, position)
  ) WITHOUT ROWID;
  CREATE INDEX edges_by_parent ON edges (parent_id);

  CREATE TABLE attributes (
    attribute_id TEXT PRIMARY KEY,
    process_id TEXT NOT NULL REFERENCES processes (process_id) ON DELETE CASCADE,
    colony_name TEXT NOT NULL,
    attribute_type INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX attributes_by_process ON attributes (process_id);

  CREATE TABLE logs (
    timestamp_us INTEGER PRIMARY KEY,
    colony_name TEXT NOT NULL REFERENCES colonies ON DELETE CASCADE,
    process_id TEXT REFERENCES processes (process_id) ON DELETE CASCADE,
    executor_name TEXT NOT NULL,
    message TEXT NOT NULL
  );
  CREATE INDEX logs_by_process ON logs (process_id, timestamp_us);
  CREATE INDEX logs_by_executor ON logs (colony_name, executor_name, timestamp_us);

  CREATE TABLE answered_requests (
    digest TEXT PRIMARY KEY,
    answered_ms INTEGER NOT NULL,
    reply TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX answered_requests_by_time ON answered_requests (answered_ms);
  `,
  `
  CREATE INDEX users_by_id ON users (user_id);
  CREATE INDEX executors_by_id_alone ON executors (executor_id);
  CREATE INDEX process_states_by_workflow ON processes (workflow_id, state) WHERE workflow_id IS NOT NULL;
  `,
  `
  ALTER TABLE processes ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX finished_workflows ON workflows (end_ms) WHERE end_ms IS NOT NULL;

  CREATE TABLE server_owner (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    owner_id TEXT NOT NULL,
    given_id TEXT NOT NULL
  );

  CREATE TABLE locations (
    colony_name TEXT NOT NULL REFERENCES colonies ON DELETE CASCADE,
    name TEXT NOT NULL,
    location_id TEXT NOT NULL,
    description TEXT NOT NULL,
    longitude REAL NOT NULL,
    latitude REAL NOT NULL,
    PRIMARY KEY (colony_name, name)
  ) WITHOUT ROWID;

  CREATE TABLE files (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    file_id TEXT NOT NULL UNIQUE,
    colony_name TEXT NOT NULL REFERENCES colonies ON DELETE CASCADE,
    label TEXT NOT NULL,
    name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    checksum TEXT NOT NULL,
    checksum_algorithm TEXT NOT NULL,
    reference TEXT NOT NULL,
    added_ms INTEGER NOT NULL
  );
  CREATE INDEX files_by_name ON files (colony_name, label, name, sequence);

  CREATE TABLE snapshots (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    snapshot_id TEXT NOT NULL UNIQUE,
    colony_name TEXT NOT NULL REFERENCES colonies ON DELETE CASCADE,
    label TEXT NOT NULL,
    name TEXT NOT NULL,
    file_ids TEXT NOT NULL,
    added_ms INTEGER NOT NULL,
    UNIQUE (colony_name, name)
  );
  `,
  `
  CREATE TABLE blobs (
    blob_id INTEGER PRIMARY KEY AUTOINCREMENT,
    colony_name TEXT NOT NULL REFERENCES colonies ON DELETE CASCADE,
    digest TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    file_name TEXT NOT NULL UNIQUE,
    idle_since_ms INTEGER,
    UNIQUE (colony_name, digest)
  );
  CREATE INDEX blob_sizes ON blobs (colony_name, bytes);

  CREATE TABLE blob_references (
    colony_name TEXT NOT NULL,
    digest TEXT NOT NULL,
    process_id TEXT REFERENCES processes (process_id) ON DELETE CASCADE,
    file_id TEXT REFERENCES files (file_id) ON DELETE CASCADE,
    UNIQUE (process_id, digest),
    UNIQUE (file_id, digest)
  );
  CREATE INDEX blob_holders ON blob_references (colony_name, digest);
  `,
  `
  CREATE TABLE crons (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    cron_id TEXT NOT NULL UNIQUE,
    colony_name TEXT NOT NULL REFERENCES colonies ON DELETE CASCADE,
    name TEXT NOT NULL,
    initiator_id TEXT NOT NULL,
    initiator_name TEXT NOT NULL,
    cron_expression TEXT NOT NULL,
    interval_seconds INTEGER NOT NULL,
    is_random INTEGER NOT NULL,
    workflow_spec TEXT NOT NULL,
    waits_for_previous INTEGER NOT NULL,
    previous_workflow_id TEXT NOT NULL DEFAULT '',
    last_ms INTEGER,
    next_ms INTEGER NOT NULL,
    planned_ms INTEGER NOT NULL,
    UNIQUE (colony_name, name)
  );
  CREATE INDEX crons_by_next_run ON crons (next_ms);
  CREATE INDEX crons_by_planning ON crons (planned_ms);

  CREATE TABLE generators (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    generator_id TEXT NOT NULL UNIQUE,
    colony_name TEXT NOT NULL REFERENCES colonies ON DELETE CASCADE,
    name TEXT NOT NULL,
    initiator_id TEXT NOT NULL,
    initiator_name TEXT NOT NULL,
    workflow_spec TEXT NOT NULL,
    root_count INTEGER NOT NULL,
    batch_size INTEGER NOT NULL,
    timeout_seconds INTEGER NOT NULL,
    first_pack_ms INTEGER,
    last_ms INTEGER,
    queue_count INTEGER NOT NULL DEFAULT 0,
    queue_bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (colony_name, name)
  );
  CREATE INDEX packed_generators ON generators (sequence) WHERE queue_count > 0;

  CREATE TABLE generator_args (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    generator_id TEXT NOT NULL REFERENCES generators (generator_id) ON DELETE CASCADE,
    arg TEXT NOT NULL
  );
  CREATE INDEX generator_args_by_generator ON generator_args (generator_id, sequence);

  CREATE TABLE channels (
    channel_id INTEGER PRIMARY KEY,
    process_id TEXT NOT NULL REFERENCES processes (process_id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    entry_count INTEGER NOT NULL DEFAULT 0,
    byte_count INTEGER NOT NULL DEFAULT 0,
    UNIQUE (process_id, name)
  );

  CREATE TABLE channel_entries (
    channel_id INTEGER NOT NULL REFERENCES channels ON DELETE CASCADE,
    position INTEGER NOT NULL,
    sender_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    in_reply_to INTEGER NOT NULL,
    entry_type TEXT NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (channel_id, position)
  );
  `,
  `
  ALTER TABLE workflows ADD COLUMN waiting_count INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE workflows ADD COLUMN running_count INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE workflows ADD COLUMN success_count INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE workflows ADD COLUMN failed_count INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE workflows ADD COLUMN cancelled_count INTEGER NOT NULL DEFAULT 0;
  UPDATE workflows SET
    waiting_count = (SELECT count(*) FROM processes WHERE workflow_id = workflows.workflow_id AND processes.state = 0),
    running_count = (SELECT count(*) FROM processes WHERE workflow_id = workflows.workflow_id AND processes.state = 1),
    success_count = (SELECT count(*) FROM processes WHERE workflow_id = workflows.workflow_id AND processes.state = 2),
    failed_count = (SELECT count(*) FROM processes WHERE workflow_id = workflows.workflow_id AND processes.state = 3),
    cancelled_count = (SELECT count(*) FROM processes WHERE workflow_id = workflows.workflow_id AND processes.state = 4);
  DROP INDEX process_states_by_workflow;

  CREATE TABLE missing_parents (
    process_id TEXT PRIMARY KEY REFERENCES processes (process_id) ON DELETE CASCADE,
    missing_count INTEGER NOT NULL
  ) WITHOUT ROWID;
  INSERT INTO missing_parents
    SELECT edges.child_id, count(DISTINCT iif(parents.state = 2, NULL, edges.parent_id)) FROM edges
    JOIN processes AS children ON children.process_id = edges.child_id
    JOIN processes AS parents ON parents.process_id = edges.parent_id
    WHERE children.state = 0 AND children.waits_for_parents = 1 GROUP BY edges.child_id;
  `,
  `
  CREATE TABLE former_ids (
    colony_name TEXT NOT NULL REFERENCES colonies ON DELETE CASCADE,
    user_name TEXT NOT NULL,
    former_id TEXT NOT NULL,
    PRIMARY KEY (colony_name, user_name, former_id)
  ) WITHOUT ROWID;
  `,
  'CREATE INDEX ended_processes ON processes (end_ms) WHERE workflow_id IS NULL AND end_ms IS NOT NULL',
  `
  ALTER TABLE processes ADD COLUMN output_count INTEGER;
  ALTER TABLE processes ADD COLUMN input_counts TEXT;
  ALTER TABLE files ADD COLUMN adder_id TEXT NOT NULL DEFAULT '';
  ALTER TABLE snapshots ADD COLUMN adder_id TEXT NOT NULL DEFAULT '';
  ALTER TABLE executors ADD COLUMN unregistered_ms INTEGER;
  `,
];

/** The version of the schema that this server writes. */
export const NEWEST_VERSION = migrations.length;

/**
 * Brings a database to the newest version of the schema, one transaction per step.
 *
 * @param target an earlier version to stop at, to see that later ones continue from there
 * @throws UserError when the database is newer than this server
 */
export function migrate(database: Database, path: string, target: number = NEWEST_VERSION): void {
  const version = database.get<{ user_version: number }>('PRAGMA user_version')?.user_version ?? 0;
  if (version > migrations.length) {
    throw new UserError(
      `server database: expected version ${migrations.length} or older in ${path}, got ${version}; use the newer server that wrote it`,
    );
  }
  for (const [index, step] of migrations.slice(0, target).entries()) {
    if (index >= version) database.transaction(() => applyStep(database, step, index + 1));
  }
}

function applyStep(database: Database, step: string, version: number): void {
  const statements = step.split(';').filter((statement) => statement.trim() !== '');
  for (const statement of [...statements, `PRAGMA user_version = ${version}`]) database.run(statement);
}
