/* Made by 'make gen' from src/gladius/wire. Do not edit. */

/**
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ClientMessage".
 */
export type ClientMessage = Subscribe | Ping | CommandFrame;
/**
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Event".
 */
export type Event =
  | Hello
  | StateEvent
  | Metrics
  | Samples
  | CheckpointEvent
  | Ack
  | HyperparameterChange
  | Alert
  | LogLine
  | Artifact
  | Process
  | System
  | Stall
  | Restart;
/**
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ServerMessage".
 */
export type ServerMessage =
  | HelloMessage
  | StatusUpdate
  | EventsMessage
  | ConsoleMessage
  | SystemMessage
  | RunMessage
  | AlertMessage
  | Gap
  | Pong
  | CommandMessage
  | ErrorMessage
  | ActivityMessage
  | MachineMessage
  | GoneMessage;

export interface Wire {
  [k: string]: unknown;
}
/**
 * The answer to a command; durable.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Ack".
 */
export interface Ack {
  /**
   * Per file; consumed before the write: never repeats, a gap is a lost line
   */
  seq: number;
  /**
   * Unix seconds
   */
  time: number;
  attempt: number;
  type: 'ack';
  command_id: string;
  state: 'accepted' | 'applied' | 'rejected';
  step?: number | null;
  detail?: string | null;
}
/**
 * Of all runs, newest first.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ActivitiesAnswer".
 */
export interface ActivitiesAnswer {
  activities: Activity[];
}
/**
 * One thing that happened to a run, or in a flow. `data` holds what its sentence needs; the same thing has the same `id` for ever.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Activity".
 */
export interface Activity {
  id: string;
  /**
   * Unix seconds
   */
  time: number;
  kind:
    | 'queued'
    | 'started'
    | 'resumed'
    | 'forked'
    | 'restarted'
    | 'attached'
    | 'detached'
    | 'released'
    | 'ended'
    | 'checkpoint_saved'
    | 'checkpoint_failed'
    | 'applied'
    | 'rejected'
    | 'changed'
    | 'alert_raised'
    | 'alert_cleared'
    | 'flow_started'
    | 'flow_retried'
    | 'flow_step'
    | 'flow_ended';
  /**
   * None where a flow did it by itself
   */
  run_id?: string | null;
  /**
   * Of a flow's own doing
   */
  flow_run_id?: string | null;
  /**
   * The run's, or the flow's
   */
  name: string;
  attempt?: number | null;
  data?: {
    [k: string]: unknown;
  };
}
/**
 * Something happened, or is known better: it replaces the one of the same id.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ActivityMessage".
 */
export interface ActivityMessage {
  type: 'activity';
  run_id: string | null;
  activity: Activity;
}
/**
 * The body of `POST /datasets`: a file or folder on the server's machine, within the folders of datasets.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "AddDataset".
 */
export interface AddDataset {
  path: string;
}
/**
 * A hyperparameter that can be changed, its bounds, and when a change takes effect.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Adjustable".
 */
export interface Adjustable {
  value?: {
    [k: string]: unknown;
  };
  min?: number | null;
  max?: number | null;
  applies?: 'live' | 'next_checkpoint' | 'restart';
  /**
   * Its key in the configuration: `train.learning_rate`
   */
  key?: string | null;
  /**
   * What people should read: `peak learning rate`
   */
  label?: string | null;
}
/**
 * Something a person should know.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Alert".
 */
export interface Alert {
  /**
   * Per file; consumed before the write: never repeats, a gap is a lost line
   */
  seq: number;
  /**
   * Unix seconds
   */
  time: number;
  attempt: number;
  type: 'alert';
  level: 'info' | 'warning' | 'critical';
  code: string;
  message: string;
  value?: {
    [k: string]: unknown;
  };
  threshold?: {
    [k: string]: unknown;
  };
}
/**
 * An alert began, changed, ended or was acknowledged: here it is as it stands now.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "AlertMessage".
 */
export interface AlertMessage {
  type: 'alert';
  run_id: string;
  alert: AlertRecord;
}
/**
 * One alert from its beginning to its end. A notice (level `info`) ends as it begins.
 *
 * `code` names the sentence and `data` holds its parameters, for translation; `message` is the sentence in English.
 * A code that a trainer made up has no sentence but its `message`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "AlertRecord".
 */
export interface AlertRecord {
  id: string;
  run_id: string;
  code: string;
  level: 'info' | 'warning' | 'critical';
  message: string;
  data: {
    [k: string]: unknown;
  };
  /**
   * What was measured: while it lasts, the worst so far
   */
  value: {
    [k: string]: unknown;
  };
  threshold: {
    [k: string]: unknown;
  };
  step: number | null;
  attempt: number;
  /**
   * Unix seconds
   */
  began_at: number;
  /**
   * Unix seconds; None while it lasts
   */
  ended_at: number | null;
  acknowledged_at: number | null;
  acknowledged_by: string | null;
}
/**
 * Alerts, the newest first.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "AlertsAnswer".
 */
export interface AlertsAnswer {
  alerts: AlertRecord[];
}
/**
 * A file the run produced.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Artifact".
 */
export interface Artifact {
  /**
   * Per file; consumed before the write: never repeats, a gap is a lost line
   */
  seq: number;
  /**
   * Unix seconds
   */
  time: number;
  attempt: number;
  type: 'artifact';
  path: string;
  kind: string;
  description?: string | null;
}
/**
 * The run that was made of a watched file.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "AttachAnswer".
 */
export interface AttachAnswer {
  run_id: string;
  state:
    | 'queued'
    | 'preparing'
    | 'running'
    | 'paused'
    | 'validating'
    | 'checkpointing'
    | 'stopping'
    | 'released'
    | 'done'
    | 'error'
    | 'cancelled'
    | 'killed'
    | 'out_of_memory'
    | 'lost'
    | 'unknown';
}
/**
 * A `training_status.json` to watch as a run, by its absolute path on the server's machine.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "AttachRequest".
 */
export interface AttachRequest {
  path: string;
  name?: string | null;
}
/**
 * One start of a run's trainer: from which checkpoint, with which changes, and who asked for it.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Attempt".
 */
export interface Attempt {
  attempt: number;
  argv: string[];
  asked_by: string | null;
  checkpoint: string | null;
  overrides: {
    [k: string]: unknown;
  };
  pid: number | null;
  host: string | null;
  started_at: number | null;
  finished_at: number | null;
  verdict: string | null;
  code: number | null;
  signal: string | null;
  evidence: string | null;
}
/**
 * One line of logs/audit.jsonl: who did what, and what came of it. Never a body, never a secret.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "AuditEntry".
 */
export interface AuditEntry {
  time: number;
  /**
   * The user's or the token's name; null is the owner of the home
   */
  name: string | null;
  /**
   * null for somebody who was not recognised
   */
  role: ('viewer' | 'operator' | 'admin') | null;
  /**
   * browser, cli, python, socket or api
   */
  caller: string;
  method: string;
  route: string;
  /**
   * The run, as it was named
   */
  run: string | null;
  /**
   * What else the address named: a user, a profile, a flow
   */
  about: string | null;
  /**
   * The HTTP status of the answer
   */
  outcome: number;
  /**
   * Where it came from, as far as the server knows
   */
  address: string | null;
}
/**
 * The answer of `GET /audit`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "AuditPage".
 */
export interface AuditPage {
  /**
   * The newest first
   */
  entries: AuditEntry[];
  /**
   * Whether older ones fit too: ask again with `before`
   */
  more: boolean;
}
/**
 * The best loss so far: the lowest `eval/loss` where there is one, else the lowest epoch mean of `train/loss`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Best".
 */
export interface Best {
  value: number;
  epoch: number | null;
  name: string;
}
/**
 * What a profile allows for one setting: from `min` to `max`, or one of `choices`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Bounds".
 */
export interface Bounds {
  min: number | null;
  max: number | null;
  choices: unknown[] | null;
}
/**
 * A value that a resume or fork changes, and what that does in truth.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Change".
 */
export interface Change {
  key: string;
  old: {
    [k: string]: unknown;
  };
  new: {
    [k: string]: unknown;
  };
  effect: string;
}
/**
 * The answer of `POST /runs/check`: in which order things were looked at, and whether the run may start.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "CheckAnswer".
 */
export interface CheckAnswer {
  possible: boolean;
  findings: CheckFinding[];
  /**
   * Where it would wait in the queue, from 1; 0: it starts at once; None: it cannot start
   */
  place?: number | null;
  /**
   * How long looking took
   */
  seconds: number;
}
/**
 * One thing that was looked at. An `error` keeps the run from starting; a `warning` is for a person to judge.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "CheckFinding".
 */
export interface CheckFinding {
  check: 'request' | 'model' | 'dataset' | 'trainer' | 'disk' | 'memory' | 'machine';
  level: 'ok' | 'warning' | 'error';
  message: string;
  hint?: string;
  /**
   * The field of the request that it is about
   */
  field?: string | null;
}
/**
 * A checkpoint as it was told, and whether its folder is still there; None where another machine must say.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Checkpoint".
 */
export interface Checkpoint {
  /**
   * Per file; consumed before the write: never repeats, a gap is a lost line
   */
  seq: number;
  /**
   * Unix seconds
   */
  time: number;
  attempt: number;
  type: 'checkpoint';
  step: number;
  path: string | null;
  bytes: number | null;
  kind: 'auto' | 'manual' | 'pause' | 'final';
  /**
   * sha256 of the manifest, hex
   */
  manifest: string | null;
  /**
   * The reason, when the save failed
   */
  failed: string | null;
  available: boolean | null;
}
/**
 * A checkpoint was published by rename and read back, or its save failed; durable.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "CheckpointEvent".
 */
export interface CheckpointEvent {
  /**
   * Per file; consumed before the write: never repeats, a gap is a lost line
   */
  seq: number;
  /**
   * Unix seconds
   */
  time: number;
  attempt: number;
  type: 'checkpoint';
  step: number;
  path?: string | null;
  bytes?: number | null;
  kind?: 'auto' | 'manual' | 'pause' | 'final';
  /**
   * sha256 of the manifest, hex
   */
  manifest?: string | null;
  /**
   * The reason, when the save failed
   */
  failed?: string | null;
}
/**
 * How often it is saved and evaluated; 0 is never, None is not known.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "CheckpointingFacts".
 */
export interface CheckpointingFacts {
  every_minutes: ConfigValue;
  every_steps: ConfigValue;
  each_epoch: ConfigValue;
  validation_steps: ConfigValue;
  validation_each_epoch: ConfigValue;
}
/**
 * One setting. `value` None is not known. `was` and `step` tell of a change while it trained.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ConfigValue".
 */
export interface ConfigValue {
  value: boolean | number | string | number[] | null;
  source: ('live' | 'trainer' | 'launched' | 'derived') | null;
  /**
   * Where it stands: `train.learning_rate`
   */
  key: string | null;
  changed: boolean;
  was: boolean | number | string | number[] | null;
  step: number | null;
}
/**
 * What the client wants to hear; sent again, it replaces the last one.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Subscribe".
 */
export interface Subscribe {
  type: 'subscribe';
  runs?: string[];
  topics: (
    'status' | 'metrics' | 'events' | 'console' | 'system' | 'runs' | 'alerts' | 'activities' | 'machine'
  )[];
  /**
   * Topics to hear of every run, whichever `runs` names
   */
  everywhere?: 'alerts'[];
  cursors?: {
    [k: string]: Cursors;
  };
}
/**
 * How far an answer has seen each stream; given to the socket's `subscribe`, nothing is missed or doubled.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Cursors".
 */
export interface Cursors {
  events?: number;
  supervisor?: number;
  console?: number;
}
/**
 * Are you there?
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Ping".
 */
export interface Ping {
  type: 'ping';
}
/**
 * A command over the socket: as `POST /runs/{id}/commands`, its acks come as events.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "CommandFrame".
 */
export interface CommandFrame {
  type: 'command';
  run_id: string;
  command: string;
  args?: {
    [k: string]: unknown;
  };
  id?: string | null;
}
/**
 * One metric as columns of equal length. `min` and `max` bound the bucket of each point.
 *
 * A column that would say nothing is null: these two where no point was left out, a place that no point has.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Column".
 */
export interface Column {
  step: (number | null)[] | null;
  epoch: (number | null)[] | null;
  time: number[];
  value: (number | ('NaN' | 'Infinity' | '-Infinity') | null)[];
  min: (number | ('NaN' | 'Infinity' | '-Infinity') | null)[] | null;
  max: (number | ('NaN' | 'Infinity' | '-Infinity') | null)[] | null;
  log_offset: (number | null)[] | null;
}
/**
 * The answer of `POST /runs/{id}/commands`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "CommandAnswer".
 */
export interface CommandAnswer {
  command_id: string;
}
/**
 * A command was posted; its acks come as events of the run.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "CommandMessage".
 */
export interface CommandMessage {
  type: 'command';
  run_id: string;
  command_id: string;
  state: 'requested' | 'accepted' | 'applied' | 'rejected' | 'timed_out' | 'outcome_unknown';
}
/**
 * A command and what became of it.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "CommandRecord".
 */
export interface CommandRecord {
  command_id: string;
  command: string;
  args: {
    [k: string]: unknown;
  };
  issued_at: number;
  issued_by: string;
  attempt: number;
  state: 'requested' | 'accepted' | 'applied' | 'rejected' | 'timed_out' | 'outcome_unknown';
  step: number | null;
  detail: string | null;
  acks: Ack[];
}
/**
 * The body of `POST /runs/{id}/commands`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "CommandRequest".
 */
export interface CommandRequest {
  command: string;
  args?: {
    [k: string]: unknown;
  };
  id?: string | null;
}
/**
 * A metric that at least one of the runs has. `best` says which end is the better one, None where a name does not tell.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ComparedMetric".
 */
export interface ComparedMetric {
  name: string;
  /**
   * How many of the runs have it
   */
  runs: number;
  best: 'lowest' | null;
}
/**
 * One run of a comparison. None is unknown and shown as a dash.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ComparedRun".
 */
export interface ComparedRun {
  run_id: string;
  name: string;
  state:
    | 'queued'
    | 'preparing'
    | 'running'
    | 'paused'
    | 'validating'
    | 'checkpointing'
    | 'stopping'
    | 'released'
    | 'done'
    | 'error'
    | 'cancelled'
    | 'killed'
    | 'out_of_memory'
    | 'lost'
    | 'unknown';
  stalled: boolean;
  suspended: boolean;
  created_at: number;
  /**
   * Of its first attempt: time axes begin here
   */
  started_at: number | null;
  finished_at: number | null;
  /**
   * Of all attempts together, without the time between them
   */
  seconds: number | null;
  attempt: number;
  /**
   * The trainer said hello; else metrics are parsed from its output
   */
  instrumented: boolean;
  cursors: Cursors;
  profile_id: string | null;
  dataset_id: string | null;
  engine: string | null;
  step: number | null;
  epoch: number | null;
  total_epochs: number | null;
  best: Best | null;
  rate: Rate | null;
  /**
   * Settings that were changed while it trained
   */
  changes: number;
  parent: ParentLink | null;
  /**
   * Runs that were forked from this one
   */
  children: string[];
  metrics: {
    [k: string]: MetricResult;
  };
  /**
   * Why its configuration cannot be read
   */
  config_problem: string | null;
}
/**
 * Throughput as the trainer told it: the median of all its values.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Rate".
 */
export interface Rate {
  unit: 'tokens' | 'samples';
  per_second: number;
}
/**
 * The run and the checkpoint that a run was forked from.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ParentLink".
 */
export interface ParentLink {
  run_id: string;
  checkpoint: string | null;
  kind: 'fork';
  /**
   * Where that run is now
   */
  place: 'here' | 'trash' | 'gone';
}
/**
 * What a metric came to, over the points that no resume rewound. `lowest` and `highest` are of finite values alone.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "MetricResult".
 */
export interface MetricResult {
  points: number;
  /**
   * Points that are NaN or infinite
   */
  not_finite: number;
  final: MetricPlace;
  lowest: MetricPlace | null;
  highest: MetricPlace | null;
}
/**
 * A value that was logged, as it was, and where.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "MetricPlace".
 */
export interface MetricPlace {
  value: number | ('NaN' | 'Infinity' | '-Infinity');
  step: number | null;
  epoch: number | null;
}
/**
 * One key of the configurations, flattened. A run that does not have the key is not among `values`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ComparedSetting".
 */
export interface ComparedSetting {
  key: string;
  differs: boolean;
  /**
   * Run id -> value
   */
  values: {
    [k: string]: unknown;
  };
}
/**
 * Runs beside each other, in the order in which they were asked for.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Comparison".
 */
export interface Comparison {
  runs: ComparedRun[];
  missing: MissingRun[];
  metrics: ComparedMetric[];
  settings: ComparedSetting[];
}
/**
 * A run that was asked for and is not shown.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "MissingRun".
 */
export interface MissingRun {
  run: string;
  reason: 'not_found' | 'trash' | 'ambiguous';
  message: string;
}
/**
 * The effective configuration of one attempt; `text` is its YAML as written, comments included.
 *
 * `launched` is that text, or YAML made of what a script gave; `resolved` YAML of all that the trainer says it trains
 * with, defaults included. The snapshot is of the newest attempt.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ConfigAnswer".
 */
export interface ConfigAnswer {
  attempt: number;
  config: {
    [k: string]: unknown;
  };
  text: string | null;
  /**
   * The user's own file
   */
  source: string | null;
  launched: string | null;
  resolved: string | null;
  snapshot: ConfigSnapshot;
}
/**
 * The settings that people ask for first, whichever trainer runs, each with where it came from.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ConfigSnapshot".
 */
export interface ConfigSnapshot {
  file: ConfigFile | null;
  /**
   * Settings that were changed since this attempt began
   */
  live_changes: number;
  model: ModelConfigFacts;
  training: TrainingConfigFacts;
  optimization: OptimizationFacts;
  checkpointing: CheckpointingFacts;
}
/**
 * The file that people edit. `edited`: it says something else than what was launched.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ConfigFile".
 */
export interface ConfigFile {
  path: string;
  name: string;
  /**
   * Unix seconds; None when it cannot be read
   */
  modified: number | null;
  /**
   * Whether `PUT /runs/{id}/config` may write it
   */
  editable: boolean;
  edited: boolean;
  problem: string | null;
}
/**
 * What is trained.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ModelConfigFacts".
 */
export interface ModelConfigFacts {
  name: ConfigValue;
  parameters: ConfigValue;
  trainable_parameters: ConfigValue;
  adapter: ConfigValue;
  experts: ConfigValue;
  active_experts: ConfigValue;
}
/**
 * How much at a time. A batch is per device; effective is batch x accumulation x devices.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "TrainingConfigFacts".
 */
export interface TrainingConfigFacts {
  batch_size: ConfigValue;
  gradient_accumulation: ConfigValue;
  world_size: ConfigValue;
  effective_batch: ConfigValue;
  max_length: ConfigValue;
  precision: ConfigValue;
  seed: ConfigValue;
}
/**
 * How it learns. The learning rate is the schedule's peak.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "OptimizationFacts".
 */
export interface OptimizationFacts {
  learning_rate: ConfigValue;
  schedule: ConfigValue;
  warmup_steps: ConfigValue;
  warmup_ratio: ConfigValue;
  optimizer: ConfigValue;
  betas: ConfigValue;
  epsilon: ConfigValue;
  weight_decay: ConfigValue;
}
/**
 * The editable file against what was launched and what is live. `problem` says why the file cannot be used.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ConfigDiff".
 */
export interface ConfigDiff {
  file: string | null;
  /**
   * Whether `PUT /runs/{id}/config` may write it
   */
  editable: boolean;
  /**
   * The file as it is now, comments included
   */
  text: string | null;
  /**
   * Names this text of the file
   */
  version: string | null;
  /**
   * Unix seconds
   */
  modified: number | null;
  problem: string | null;
  rows: ConfigRow[];
}
/**
 * One key of the configuration three times: in the file now, as launched, and live in the trainer.
 *
 * `name` is the adjustable behind the key where the trainer has one; `live` is null where the trainer tells nothing.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ConfigRow".
 */
export interface ConfigRow {
  key: string;
  name: string | null;
  file: {
    [k: string]: unknown;
  };
  launched: {
    [k: string]: unknown;
  };
  live: {
    [k: string]: unknown;
  };
  applies: 'live' | 'next_checkpoint' | 'restart';
  /**
   * The file says something else than what is in force
   */
  changed: boolean;
  /**
   * The file says something else than what was launched
   */
  edited: boolean;
}
/**
 * What the configuration file of a run may say. `rules` is a JSON Schema; None: only its script knows.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ConfigSchema".
 */
export interface ConfigSchema {
  engine: string | null;
  rules: {
    [k: string]: unknown;
  } | null;
}
/**
 * The body of `PUT /runs/{id}/config`: the whole file as text, comments included.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ConfigUpdate".
 */
export interface ConfigUpdate {
  text: string;
  /**
   * Of the file that was edited: 409 when it is another by now
   */
  version?: string | null;
}
/**
 * A piece of console.log: `length` raw bytes from `offset`, as UTF-8 with invalid bytes replaced.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ConsoleMessage".
 */
export interface ConsoleMessage {
  type: 'console';
  run_id: string;
  offset: number;
  length: number;
  text: string;
}
/**
 * A folder that datasets may lie in; the home's own takes what is added.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "DatasetFolder".
 */
export interface DatasetFolder {
  path: string;
  home: boolean;
  there: boolean;
}
/**
 * A dataset that a run can use; counts are None until it is built or counted.
 *
 * `kind` is how its file is read, `findings` how many things are wrong with it, warnings among them. `origin` says who put
 * it there: `home` is the home's own folder (it can be deleted), `added` a path that was added (it can be forgotten). While
 * it is `counting`, only its first records were looked at; one that is `lost` was moved or deleted.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "DatasetInfo".
 */
export interface DatasetInfo {
  id: string;
  name: string;
  description: string;
  format: string;
  records: number | null;
  bytes: number | null;
  path: string | null;
  builtin: boolean;
  problem: string | null;
  findings: number | null;
  kind: string | null;
  origin: 'builtin' | 'home' | 'folder' | 'index' | 'added';
  counting: boolean;
  lost: boolean;
}
/**
 * Some records of a dataset; `next` is the offset of those that follow, None at the end.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "DatasetPreview".
 */
export interface DatasetPreview {
  records: PreviewRecord[];
  next: number | null;
}
/**
 * One record as it stands in the file, its long texts cut, or why it is none.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "PreviewRecord".
 */
export interface PreviewRecord {
  line: number;
  record: {
    [k: string]: unknown;
  } | null;
  problem: string | null;
}
/**
 * A dataset read through: `records` good ones. `findings` are the first ones, `counts` holds all by their kind.
 *
 * An error keeps a run from starting, a warning does not; `problem` is the first error in one sentence. While it is
 * `counting`, it tells of the first records alone.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "DatasetReport".
 */
export interface DatasetReport {
  path: string;
  format: string;
  records: number;
  problem: string | null;
  findings: Finding[];
  counts: {
    [k: string]: number;
  };
  total: number;
  errors: number;
  counting: boolean;
}
/**
 * Something wrong with one record. `line` counts from 1 (in a Parquet file the row), None is the whole file.
 *
 * `file` names the part of a dataset that is a folder.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Finding".
 */
export interface Finding {
  file: string | null;
  line: number | null;
  kind: string;
  severity: 'error' | 'warning';
  problem: string;
  hint: string;
}
/**
 * Where datasets may lie, which endings are read, and how many bytes an upload may have.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "DatasetRules".
 */
export interface DatasetRules {
  folders: DatasetFolder[];
  endings: string[];
  upload_limit: number;
}
/**
 * The body of `PUT /datasets/{id}`: its words for people. None leaves one, an empty one takes it back.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "DatasetUpdate".
 */
export interface DatasetUpdate {
  name?: string | null;
  description?: string | null;
}
/**
 * A folder that can be indexed; `documents` counts the files in it by kind, those of its own folders not among them.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "DocumentFolder".
 */
export interface DocumentFolder {
  path: string;
  name: string;
}
/**
 * What lies in a folder: folders to go into, and how many documents of each kind. Without a path: where to begin.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "DocumentFolders".
 */
export interface DocumentFolders {
  path: string | null;
  parent: string | null;
  folders: DocumentFolder[];
  documents: {
    [k: string]: number;
  };
  /**
   * There are more folders than are told
   */
  more: boolean;
}
/**
 * A record that fits: `chunk` counts from 0 within its source, `place` is a page or a line where that is known.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "DocumentHit".
 */
export interface DocumentHit {
  source: string;
  chunk: number;
  place: string | null;
  parts: SnippetPart[];
}
/**
 * A piece of a text around what was found; `hit` is what was searched for.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "SnippetPart".
 */
export interface SnippetPart {
  text: string;
  hit: boolean;
}
/**
 * The best hits first; `total` counts all.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "DocumentSearch".
 */
export interface DocumentSearch {
  query: string;
  total: number;
  hits: DocumentHit[];
}
/**
 * What a profile allows for `epochs`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "EpochBounds".
 */
export interface EpochBounds {
  min: number;
  max: number;
}
/**
 * What went wrong, for people (`message`) and for programs (`code`).
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ErrorInfo".
 */
export interface ErrorInfo {
  code: string;
  message: string;
  retryable?: boolean | null;
  restart?: RestartWish | null;
  traceback?: string | null;
}
/**
 * What the trainer asks its supervisor for after an error: a new attempt from a checkpoint, with changes.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "RestartWish".
 */
export interface RestartWish {
  checkpoint?: string | null;
  overrides?: {
    [k: string]: unknown;
  };
}
/**
 * A client frame could not be taken; the connection stays. `command_id` is the id that the client gave, if any.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ErrorMessage".
 */
export interface ErrorMessage {
  type: 'error';
  detail: string;
  code: string | null;
  hint: string | null;
  run_id: string | null;
  command_id: string | null;
}
/**
 * The trainer introduces itself; durable.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Hello".
 */
export interface Hello {
  /**
   * Per file; consumed before the write: never repeats, a gap is a lost line
   */
  seq: number;
  /**
   * Unix seconds
   */
  time: number;
  attempt: number;
  type: 'hello';
  run_id: string;
  pid: number;
  host: string;
  world_size?: number;
  mode?: 'single' | 'distributed' | 'multi_node';
  total_epochs?: number | null;
  total_steps?: number | null;
  steps_per_epoch?: number | null;
  samples?: number | null;
  model?: ModelInfo | null;
  capabilities?: ('pause' | 'resume' | 'stop' | 'checkpoint' | 'validate' | 'set' | 'reload_config')[];
  /**
   * None: not announced, both are asked for
   */
  pause_modes?: ('hold' | 'release')[] | null;
  /**
   * None: not announced
   */
  splits?: ('eval' | 'test')[] | null;
  /**
   * Command, or way of one (`validate:test`), -> why this trainer does not obey it, where it knows
   */
  reasons?: {
    [k: string]: string;
  } | null;
  adjustable?: {
    [k: string]: Adjustable;
  };
  /**
   * What a script under a launcher gave to `start`, and what its framework says it trains with
   */
  config?: {
    [k: string]: unknown;
  } | null;
  /**
   * The file that `reload_config` reads
   */
  config_file?: string | null;
  /**
   * Beginnings of metric names whose values are no measurement but a sum shared out among parts, and how: `moe/loss` by `routing_weighted_nll`
   */
  attributions?: {
    [k: string]: string;
  } | null;
  resumed_from?: ResumedFrom | null;
}
/**
 * The model being trained; None is unknown.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ModelInfo".
 */
export interface ModelInfo {
  name?: string | null;
  parameters?: number | null;
  /**
   * Of an adapter: its own alone
   */
  trainable_parameters?: number | null;
  experts?: number | null;
  active_experts?: number | null;
}
/**
 * Where a resumed attempt went on from; earlier attempts' points with a greater step are superseded.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ResumedFrom".
 */
export interface ResumedFrom {
  checkpoint?: string | null;
  step: number;
}
/**
 * The trainer moved to another state; durable.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "StateEvent".
 */
export interface StateEvent {
  /**
   * Per file; consumed before the write: never repeats, a gap is a lost line
   */
  seq: number;
  /**
   * Unix seconds
   */
  time: number;
  attempt: number;
  type: 'state';
  state:
    | 'preparing'
    | 'running'
    | 'paused'
    | 'validating'
    | 'checkpointing'
    | 'stopping'
    | 'released'
    | 'done'
    | 'error'
    | 'cancelled';
  reason?: string | null;
  error?: ErrorInfo | null;
}
/**
 * Numbers of one step, by slash-path name.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Metrics".
 */
export interface Metrics {
  /**
   * Per file; consumed before the write: never repeats, a gap is a lost line
   */
  seq: number;
  /**
   * Unix seconds
   */
  time: number;
  attempt: number;
  type: 'metrics';
  step?: number | null;
  epoch?: number | null;
  /**
   * Size of console.log then, bytes
   */
  log_offset?: number | null;
  values: {
    [k: string]: number | 'NaN' | 'Infinity' | '-Infinity';
  };
}
/**
 * Generated texts at one step.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Samples".
 */
export interface Samples {
  /**
   * Per file; consumed before the write: never repeats, a gap is a lost line
   */
  seq: number;
  /**
   * Unix seconds
   */
  time: number;
  attempt: number;
  type: 'samples';
  step: number;
  rows: SampleRow[];
}
/**
 * One prompt and what the model made of it.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "SampleRow".
 */
export interface SampleRow {
  prompt: string;
  output: string;
  reference?: string | null;
  score?: number | null;
}
/**
 * A hyperparameter took a new value.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "HyperparameterChange".
 */
export interface HyperparameterChange {
  /**
   * Per file; consumed before the write: never repeats, a gap is a lost line
   */
  seq: number;
  /**
   * Unix seconds
   */
  time: number;
  attempt: number;
  type: 'hyperparameters';
  name: string;
  old?: {
    [k: string]: unknown;
  };
  new?: {
    [k: string]: unknown;
  };
  step?: number | null;
  by?: string | null;
}
/**
 * A line that the trainer logged as an event rather than printed.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "LogLine".
 */
export interface LogLine {
  /**
   * Per file; consumed before the write: never repeats, a gap is a lost line
   */
  seq: number;
  /**
   * Unix seconds
   */
  time: number;
  attempt: number;
  type: 'log';
  level: string;
  message: string;
}
/**
 * The supervisor's: the trainer's process started or exited.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Process".
 */
export interface Process {
  /**
   * Per file; consumed before the write: never repeats, a gap is a lost line
   */
  seq: number;
  /**
   * Unix seconds
   */
  time: number;
  attempt: number;
  type: 'process';
  event: 'started' | 'exited';
  pid?: number | null;
  supervisor_pid?: number | null;
  start_time?: number | null;
  boot_id?: string | null;
  host?: string | null;
  argv?: string[] | null;
  console_offset?: number | null;
  code?: number | null;
  signal?: string | null;
  verdict?: ('finished' | 'failed' | 'killed' | 'out_of_memory' | 'cancelled' | 'unknown') | null;
  evidence?: string | null;
}
/**
 * The supervisor's machine sample, every 2 s.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "System".
 */
export interface System {
  /**
   * Per file; consumed before the write: never repeats, a gap is a lost line
   */
  seq: number;
  /**
   * Unix seconds
   */
  time: number;
  attempt: number;
  type: 'system';
  /**
   * Percent of the whole machine
   */
  cpu: number;
  ram: MemoryUse;
  swap: MemoryUse;
  disk: MemoryUse;
  console_bytes: number;
  gpus?: GpuSample[];
  group?: ProcessGroupUse | null;
}
/**
 * Bytes in use of a total.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "MemoryUse".
 */
export interface MemoryUse {
  used: number;
  total: number;
}
/**
 * One GPU at one moment. Bytes, percent, degrees Celsius, watts; None is unknown.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "GpuSample".
 */
export interface GpuSample {
  index: number;
  name: string;
  utilisation?: number | null;
  /**
   * Bytes used by this run
   */
  memory_run?: number | null;
  /**
   * Bytes used by other processes
   */
  memory_others?: number | null;
  memory_total?: number | null;
  temperature?: number | null;
  power?: number | null;
  throttling?: string | null;
}
/**
 * The trainer's processes together: percent of one core and of the whole machine, resident bytes.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ProcessGroupUse".
 */
export interface ProcessGroupUse {
  cpu: number;
  /**
   * Percent of the whole machine, as `System.cpu`
   */
  cpu_machine?: number | null;
  rss: number;
  processes: number;
}
/**
 * The supervisor's: no step boundary for `seconds`, and what the processor did meanwhile; or steps came again.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Stall".
 */
export interface Stall {
  /**
   * Per file; consumed before the write: never repeats, a gap is a lost line
   */
  seq: number;
  /**
   * Unix seconds
   */
  time: number;
  attempt: number;
  type: 'stall';
  event: 'began' | 'ended';
  seconds: number;
  limit: number;
  cpu?: number | null;
  gpu?: number | null;
}
/**
 * The supervisor's: the trainer is started again.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Restart".
 */
export interface Restart {
  /**
   * Per file; consumed before the write: never repeats, a gap is a lost line
   */
  seq: number;
  /**
   * Unix seconds
   */
  time: number;
  attempt: number;
  type: 'restart';
  reason: string;
  checkpoint?: string | null;
  overrides?: {
    [k: string]: unknown;
  } | null;
}
/**
 * Events of one stream as their writer wrote them, oldest first; `cursor` is the last seq looked at.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "EventsAnswer".
 */
export interface EventsAnswer {
  stream: 'trainer' | 'supervisor';
  events: {
    [k: string]: unknown;
  }[];
  cursor: number;
  /**
   * There are more after `cursor`
   */
  more: boolean;
}
/**
 * Events of one stream, in order, each once.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "EventsMessage".
 */
export interface EventsMessage {
  type: 'events';
  run_id: string;
  stream: 'trainer' | 'supervisor';
  events: {
    [k: string]: unknown;
  }[];
}
/**
 * Of all runs: how many have each state, profile, dataset, tag and source.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Facets".
 */
export interface Facets {
  status: {
    [k: string]: number;
  };
  profile: {
    [k: string]: number;
  };
  dataset: {
    [k: string]: number;
  };
  tag: {
    [k: string]: number;
  };
  source: {
    [k: string]: number;
  };
}
/**
 * What a run of a flow can be given. One without a default must be given.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "FlowArg".
 */
export interface FlowArg {
  name: string;
  kind: 'text' | 'number' | 'path' | 'profile' | 'dataset';
  description: string;
  required: boolean;
  default: string | number | null;
}
/**
 * The body of `POST /flows/check`: a text that is not kept, checked as the file of that `id`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "FlowDraft".
 */
export interface FlowDraft {
  text: string;
  id?: string;
}
/**
 * A flow. `problem` says why it cannot be run now, and how to mend that; `problems` is all there is.
 *
 * `file` is its place, none for a built-in one.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "FlowInfo".
 */
export interface FlowInfo {
  id: string;
  name: string;
  description: string;
  args: FlowArg[];
  steps: FlowStep[];
  builtin: boolean;
  file: string | null;
  problem: string | null;
  problems: FlowProblem[];
}
/**
 * One step as its file says it; `args` may hold `${args.NAME}` and `${steps.ID.RESULT}`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "FlowStep".
 */
export interface FlowStep {
  id: string;
  cmd: 'STATUS' | 'INDEX' | 'TRAIN' | 'VALIDATE' | 'EXPORT' | 'COMMAND';
  args: {
    [k: string]: unknown;
  };
  on_failure: 'abort' | 'continue' | 'retry';
  retry: FlowRetry | null;
}
/**
 * How often a failed step is tried again, and how long is waited before.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "FlowRetry".
 */
export interface FlowRetry {
  times: number;
  delay_s: number;
}
/**
 * One thing that is wrong with a flow's file; `message` names file and line, and says how to mend it.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "FlowProblem".
 */
export interface FlowProblem {
  message: string;
  line: number | null;
  field: string | null;
}
/**
 * A run of a flow, as its log tells it. `log` is that file; `trouble` is why it cannot be written now.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "FlowRun".
 */
export interface FlowRun {
  flow_run_id: string;
  flow_id: string;
  name: string;
  state: 'running' | 'done' | 'incomplete' | 'failed' | 'cancelled';
  cancelling: boolean;
  args: {
    [k: string]: unknown;
  };
  asked_by: string | null;
  started_at: number;
  finished_at: number | null;
  steps: FlowStepRun[];
  log: string;
  trouble: string | null;
}
/**
 * A step of a flow's run. `result` is what later steps may use; `cause` and `hint` say why it failed, and what to do.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "FlowStepRun".
 */
export interface FlowStepRun {
  id: string;
  cmd: 'STATUS' | 'INDEX' | 'TRAIN' | 'VALIDATE' | 'EXPORT' | 'COMMAND';
  on_failure: 'abort' | 'continue' | 'retry';
  state: 'waiting' | 'running' | 'retrying' | 'done' | 'failed' | 'cancelled' | 'skipped';
  tries: number;
  started_at: number | null;
  finished_at: number | null;
  next_try_at: number | null;
  result: {
    [k: string]: unknown;
  };
  cause: string | null;
  hint: string | null;
}
/**
 * The body of `POST /flows/{id}/runs`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "FlowStart".
 */
export interface FlowStart {
  args?: {
    [k: string]: unknown;
  };
}
/**
 * The body of `POST /runs/{id}/fork`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ForkRequest".
 */
export interface ForkRequest {
  /**
   * A step, or a folder
   */
  checkpoint?: number | string | null;
  overrides?: {
    [k: string]: unknown;
  };
  /**
   * Take over what the config file says otherwise, as overrides
   */
  from_file?: boolean;
  name?: string | null;
}
/**
 * A slow client was protected: fetch over HTTP what is missing.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Gap".
 */
export interface Gap {
  type: 'gap';
  run_id: string;
  /**
   * Stream -> events or bytes skipped
   */
  skipped: {
    [k: string]: number;
  };
}
/**
 * A run is here no more: somebody put it into the trash. It belongs to the topic `runs`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "GoneMessage".
 */
export interface GoneMessage {
  type: 'gone';
  run_id: string;
}
/**
 * A run that holds memory of a GPU; None where the driver does not tell how much.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "GpuHolder".
 */
export interface GpuHolder {
  run_id: string;
  bytes?: number | null;
}
/**
 * One GPU of the machine: how much of its memory runs have reserved. Bytes; None is unknown.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "GpuSlot".
 */
export interface GpuSlot {
  index: number;
  name: string;
  memory?: number | null;
  /**
   * By runs; None: one of them has it whole
   */
  reserved?: number | null;
}
/**
 * Is it well? `code` names the sentence and `data` holds its parameters, for translation; `message` is it in English.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Health".
 */
export interface Health {
  level: 'good' | 'attention' | 'trouble' | 'neutral';
  code: string;
  message: string;
  data: {
    [k: string]: unknown;
  };
}
/**
 * The answer of `GET /health`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "HealthAnswer".
 */
export interface HealthAnswer {
  status: string;
  version: string;
}
/**
 * The server's first frame.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "HelloMessage".
 */
export interface HelloMessage {
  type: 'hello';
  server_version: string;
  protocol: 1;
}
/**
 * One ended attempt, from training_runs.jsonl.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "HistoryEntry".
 */
export interface HistoryEntry {
  training_id: string;
  attempt: number;
  profile_id: string | null;
  dataset_id: string | null;
  status: 'done' | 'error' | 'cancelled';
  started_at: number | null;
  finished_at: number | null;
  final_loss: number | ('NaN' | 'Infinity' | '-Infinity') | null;
  epochs_completed: number | null;
  steps: number | null;
  source: string | null;
  name: string | null;
  checkpoint: string | null;
}
/**
 * The answer of `GET /home`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "HomeAnswer".
 */
export interface HomeAnswer {
  home: string;
  problems: HomeProblem[];
}
/**
 * One thing, where it is, and what to do.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "HomeProblem".
 */
export interface HomeProblem {
  code: 'disk_full' | 'disk_failed' | 'home_gone' | 'damaged_line' | 'damaged_command' | 'run_unreadable';
  /**
   * trouble: nothing can be kept now
   */
  level: 'trouble' | 'attention';
  /**
   * The file or folder
   */
  file: string;
  line?: number | null;
  message: string;
  hint: string;
}
/**
 * What the last indexing that came to its end found.
 *
 * `files` were looked at: `read`, or `unchanged` since the last time, and of these `skipped` gave nothing. `vanished`
 * were there the last time. `duplicates`, `short` and `garbled` count the records that were dropped, `bad_records` lines of
 * JSONL that hold none.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "IndexCounts".
 */
export interface IndexCounts {
  files: number;
  read: number;
  unchanged: number;
  skipped: number;
  vanished: number;
  records: number;
  characters: number;
  duplicates: number;
  short: number;
  garbled: number;
  bad_records: number;
}
/**
 * One index with a page of the files that gave nothing, by their paths; `reasons` counts all of them.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "IndexDetail".
 */
export interface IndexDetail {
  id: string;
  name: string;
  path: string;
  state: 'running' | 'done' | 'error' | 'cancelled';
  message: string;
  started_at: number | null;
  ended_at: number | null;
  progress: IndexProgress;
  counts: IndexCounts | null;
  built_at: number | null;
  dataset_id: string | null;
  dataset_path: string | null;
  dataset_bytes: number | null;
  options: IndexOptions;
  skipped: SkippedFile[];
  skipped_total: number;
  reasons: {
    [k: string]: number;
  };
}
/**
 * How far an indexing is. Totals are None until the folder has been looked through.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "IndexProgress".
 */
export interface IndexProgress {
  phase: 'looking' | 'reading' | 'building';
  files_total: number | null;
  files_done: number;
  bytes_total: number | null;
  bytes_done: number;
  current: string | null;
  skipped: number;
}
/**
 * How documents become records. Lengths are characters; a token of English text is about four of them, of Russian three.
 *
 * `encoding` is that of text files which are not Unicode; without it they are skipped, never guessed.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "IndexOptions".
 */
export interface IndexOptions {
  /**
   * A record holds at most so many
   */
  chunk_chars?: number;
  /**
   * So many of a record's end begin the next one
   */
  overlap?: number;
  /**
   * Shorter records are dropped
   */
  min_chars?: number;
  max_file_mib?: number;
  seconds_per_file?: number;
  /**
   * What reading one file may take
   */
  memory_mib?: number;
  encoding?: string | null;
}
/**
 * A file that gave no record, and why; `detail` is what the reason alone does not say.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "SkippedFile".
 */
export interface SkippedFile {
  path: string;
  reason:
    | 'kind'
    | 'link'
    | 'outside'
    | 'special'
    | 'name'
    | 'too_deep'
    | 'too_many'
    | 'own_dataset'
    | 'unreadable'
    | 'vanished'
    | 'too_large'
    | 'empty'
    | 'binary'
    | 'encoding'
    | 'encrypted'
    | 'damaged'
    | 'archive_bomb'
    | 'no_text'
    | 'garbled'
    | 'no_records'
    | 'too_much_text'
    | 'timeout'
    | 'memory'
    | 'crashed'
    | 'missing_package'
    | 'short'
    | 'duplicate';
  detail: string;
  bytes: number | null;
}
/**
 * A folder of documents as a dataset. `counts` and `dataset_id` are those of the last indexing that came to its end.
 *
 * A later one that runs, fails or is cancelled leaves that dataset as it is.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "IndexInfo".
 */
export interface IndexInfo {
  id: string;
  name: string;
  path: string;
  state: 'running' | 'done' | 'error' | 'cancelled';
  message: string;
  started_at: number | null;
  ended_at: number | null;
  progress: IndexProgress;
  counts: IndexCounts | null;
  built_at: number | null;
  dataset_id: string | null;
  dataset_path: string | null;
  dataset_bytes: number | null;
  options: IndexOptions;
}
/**
 * The body of `POST /knowledge`: a folder on the server's machine, within the folders of documents or of datasets.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "IndexRequest".
 */
export interface IndexRequest {
  path: string;
  /**
   * Else the folder's
   */
  name?: string | null;
  /**
   * Else those of the last time, else the defaults
   */
  options?: IndexOptions | null;
}
/**
 * The answer of `POST /knowledge`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "IndexStarted".
 */
export interface IndexStarted {
  index_id: string;
}
/**
 * The newest value of every metric; `cursor` and `supervisor` are the last event seqs that it knows.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "LatestAnswer".
 */
export interface LatestAnswer {
  values: {
    [k: string]: number | 'NaN' | 'Infinity' | '-Infinity';
  };
  cursor: number;
  supervisor: number;
}
/**
 * Where a line of console.log begins, in bytes, and its number from 1 where it is known.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "LinePlace".
 */
export interface LinePlace {
  offset: number;
  line: number | null;
}
/**
 * Where console.log stood when the numbers of the step nearest to the wanted one were written; nulls: unknown.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "LogPlace".
 */
export interface LogPlace {
  step: number | null;
  offset: number | null;
}
/**
 * A GPU of the server's machine; `memory_run` is that of all runs together.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "MachineGpu".
 */
export interface MachineGpu {
  index: number;
  name: string;
  utilisation?: number | null;
  /**
   * Bytes used by this run
   */
  memory_run?: number | null;
  /**
   * Bytes used by other processes
   */
  memory_others?: number | null;
  memory_total?: number | null;
  temperature?: number | null;
  power?: number | null;
  throttling?: string | null;
  runs?: GpuHolder[];
}
/**
 * The server's own machine, once a second.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "MachineMessage".
 */
export interface MachineMessage {
  type: 'machine';
  sample: MachineSample;
}
/**
 * The machine that the server runs on, measured by the server itself.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "MachineSample".
 */
export interface MachineSample {
  time: number;
  host: string;
  cores?: number | null;
  /**
   * Percent of the whole machine
   */
  cpu: number;
  ram: MemoryUse;
  swap: MemoryUse;
  disk: MemoryUse1;
  gpus?: MachineGpu[];
}
/**
 * Bytes in use of a total.
 */
export interface MemoryUse1 {
  used: number;
  total: number;
}
/**
 * The names of a run's metrics, sorted.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "MetricNames".
 */
export interface MetricNames {
  names: string[];
}
/**
 * Series by name; `cursor` is the last event seq of the trainer that they include, `supervisor` that of the supervisor.
 *
 * `superseded`, only when asked for: name -> one entry per earlier attempt that a resume rewound.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "MetricsAnswer".
 */
export interface MetricsAnswer {
  series: {
    [k: string]: Column;
  };
  cursor: number;
  supervisor: number;
  superseded: {
    [k: string]: SupersededColumn[];
  } | null;
}
/**
 * Points of an earlier attempt that a later one trained again.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "SupersededColumn".
 */
export interface SupersededColumn {
  step: (number | null)[] | null;
  epoch: (number | null)[] | null;
  time: number[];
  value: (number | ('NaN' | 'Infinity' | '-Infinity') | null)[];
  min: (number | ('NaN' | 'Infinity' | '-Infinity') | null)[] | null;
  max: (number | ('NaN' | 'Infinity' | '-Infinity') | null)[] | null;
  log_offset: (number | null)[] | null;
  attempt: number;
}
/**
 * A run that takes room now, or a probe, which is no run. `gpus` None: it takes a place without a GPU.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Occupant".
 */
export interface Occupant {
  run_id: string;
  name: string;
  gpus?: number[] | null;
  /**
   * Bytes reserved on each of its GPUs; None: whole GPUs
   */
  gpu_memory?: number | null;
  /**
   * Unix seconds by its own pace; None: not known
   */
  ends_at?: number | null;
  probe?: boolean;
}
/**
 * The body of `PUT /session/password`: one's own.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "PasswordChange".
 */
export interface PasswordChange {
  /**
   * Needed by who has one
   */
  current?: string | null;
  password: string;
}
/**
 * The answer to ping.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Pong".
 */
export interface Pong {
  type: 'pong';
}
/**
 * A named set of settings for an engine; `problem` says why it cannot be used now, and how to mend that.
 *
 * `values` are dotted keys. `profile`: only for runs of that profile, as a script's settings are its own.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "PresetInfo".
 */
export interface PresetInfo {
  id: string;
  name: string;
  description: string;
  engine: string;
  profile: string | null;
  values: {
    [k: string]: unknown;
  };
  created_at: number | null;
  from_run: string | null;
  builtin: boolean;
  problem: string | null;
}
/**
 * The body of `PUT /presets/{id}`, and of `POST /presets` where the name makes the id.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "PresetRequest".
 */
export interface PresetRequest {
  name: string;
  description?: string;
  engine?: string;
  profile?: string | null;
  /**
   * Dotted keys, or sections
   */
  values: {
    [k: string]: unknown;
  };
  from_run?: string | null;
}
/**
 * A probe, whether it goes on or has ended. What is not known is null, never 0.
 *
 * It is no run: it stands in no list and no history, and nothing of it is left on the disk when it has ended.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ProbeAnswer".
 */
export interface ProbeAnswer {
  probe_id: string;
  state: 'preparing' | 'running' | 'done' | 'failed' | 'cancelled';
  profile_id: string;
  dataset_id?: string | null;
  /**
   * Steps that have ended
   */
  steps?: number;
  steps_wanted?: number;
  /**
   * What the trainer says that it does
   */
  message?: string;
  started_at: number;
  /**
   * Since it was started, or how long it took
   */
  seconds?: number;
  /**
   * It is ended after so long, whatever it has measured
   */
  limit_seconds: number;
  /**
   * Bytes of the machine's memory that all its processes held together at most
   */
  peak_memory?: number | null;
  /**
   * Bytes that were free before it began
   */
  free_memory?: number | null;
  /**
   * The GPUs that it held something of
   */
  gpus?: ProbeGpu[];
  /**
   * Whether its peaks were within what was free; false too when memory ran out
   */
  fits?: boolean | null;
  /**
   * From its start to the end of its first step
   */
  first_step_seconds?: number | null;
  /**
   * Median of the steps after the first
   */
  step_seconds?: number | null;
  /**
   * Steps that the whole run would take
   */
  total_steps?: number | null;
  /**
   * Seconds that they would take, without evaluations and checkpoints
   */
  duration?: number | null;
  error?: string | null;
  /**
   * What a failed one printed last
   */
  last_words?: string | null;
}
/**
 * What one GPU held of the probe at most. Bytes; None: the driver does not tell.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ProbeGpu".
 */
export interface ProbeGpu {
  index: number;
  name: string;
  peak?: number | null;
  /**
   * Before it began
   */
  free?: number | null;
  total?: number | null;
}
/**
 * RFC 9457 problem details, with `code` for programs and `hint` for the next step.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Problem".
 */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  hint: string | null;
  errors:
    | {
        [k: string]: unknown;
      }[]
    | null;
}
/**
 * The body of `POST /profiles/check`: a text that is not kept, checked as the file of that `id`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ProfileDraft".
 */
export interface ProfileDraft {
  text: string;
  id?: string;
}
/**
 * A profile's file as it is, for an editor.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ProfileFile".
 */
export interface ProfileFile {
  id: string;
  text: string;
  version: string;
  builtin: boolean;
  file: string | null;
}
/**
 * A named way to train. `problem` says why it cannot be used now, and how to mend that; `problems` is all there is.
 *
 * `config` and the like are with what it inherits (`extends`). `file` is its place, none for a built-in one; `version`
 * names the file's text.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ProfileInfo".
 */
export interface ProfileInfo {
  id: string;
  name: string;
  description: string;
  engine: string;
  default_epochs: number;
  epochs: EpochBounds;
  needs_dataset: boolean;
  default_dataset: string | null;
  tags: string[];
  builtin: boolean;
  config: {
    [k: string]: unknown;
  };
  extends: string | null;
  python: string | null;
  argv: string[];
  adjustable: {
    [k: string]: Bounds;
  };
  resources: Resources;
  launcher: string;
  /**
   * Tokens at which it cuts a record, where that is known
   */
  max_length: number | null;
  file: string | null;
  version: string | null;
  problem: string | null;
  problems: ProfileProblem[];
}
/**
 * What a run of a profile needs of a machine; None is not said.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Resources".
 */
export interface Resources {
  gpus: number | null;
  gpu_memory_gb: number | null;
  memory_gb: number | null;
  disk_gb: number | null;
}
/**
 * One thing that is wrong with a profile; `message` names file and line, and says how to mend it.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ProfileProblem".
 */
export interface ProfileProblem {
  message: string;
  line: number | null;
  field: string | null;
}
/**
 * The body of `POST /profiles`: its whole `text`, or whose text it begins with (`copy_of`).
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ProfileNew".
 */
export interface ProfileNew {
  id: string;
  text?: string | null;
  copy_of?: string | null;
  /**
   * Of a copy; its id when not given
   */
  name?: string | null;
}
/**
 * The body of `PUT /profiles/{id}`. `version` is that of the text that was edited; none makes a new file only.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ProfileUpdate".
 */
export interface ProfileUpdate {
  text: string;
  version?: string | null;
}
/**
 * The answer of `GET /queue`: who runs, who waits, the next one first.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "QueueAnswer".
 */
export interface QueueAnswer {
  slots: Slots;
  running?: Occupant[];
  waiting?: Waiting[];
}
/**
 * What the machine can hold at once: `cpu` runs without a GPU, and on each GPU what its memory allows.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Slots".
 */
export interface Slots {
  cpu: number;
  cpu_used?: number;
  gpus?: GpuSlot[];
}
/**
 * A run that waits. `position` counts from 1; `starts_at` None: nobody can know.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Waiting".
 */
export interface Waiting {
  run_id: string;
  name: string;
  profile_id: string;
  dataset_id?: string | null;
  epochs?: number | null;
  priority?: number;
  position: number;
  asked_at: number;
  asked_by?: string | null;
  source: string;
  state?: 'waiting' | 'starting';
  /**
   * Unix seconds, from the pace of what runs and earlier runs of the same profile and dataset
   */
  starts_at?: number | null;
  /**
   * Seconds that earlier runs of the same kind took
   */
  duration?: number | null;
}
/**
 * The body of `PATCH /queue/{run_id}`.
 *
 * A `position` (1 is next) between runs of another priority takes on the nearest priority that allows it.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "QueueChange".
 */
export interface QueueChange {
  priority?: number | null;
  position?: number | null;
}
/**
 * The learning rate of optimizer step `step`, the first on the new course: as it would have gone on, and as it will be.
 *
 * None: not computable for this schedule; `source` says which formula was used, or why none.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "RateContinuity".
 */
export interface RateContinuity {
  step: number | null;
  before: number | null;
  after: number | null;
  source: string;
}
/**
 * A dataset that was taken from the list. `entry` names it in the trash; None where only its path was forgotten.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "RemovedDataset".
 */
export interface RemovedDataset {
  id: string;
  entry: string | null;
  filename: string;
  deleted_at: number;
}
/**
 * Whether `POST /runs/{id}/resume` may be asked now; `reason` says why not, and what to do instead.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Resumable".
 */
export interface Resumable {
  possible: boolean;
  reason: string | null;
}
/**
 * What a resume or fork would do, found without loading a single weight.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ResumePreview".
 */
export interface ResumePreview {
  possible: boolean;
  /**
   * Why it is not possible, and what to do instead
   */
  reason: string | null;
  checkpoint: string | null;
  step: number | null;
  epoch: number | null;
  /**
   * The number the new attempt would have
   */
  attempt: number | null;
  restored: string[];
  not_restored: string[];
  changed: Change[];
  /**
   * What the config file says otherwise and is not taken over: see `from_file`
   */
  in_file: Change[];
  warnings: string[];
  learning_rate: RateContinuity | null;
}
/**
 * The body of `POST /runs/{id}/resume`: by default from the newest checkpoint that verifies, nothing changed.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ResumeRequest".
 */
export interface ResumeRequest {
  /**
   * A step, or a folder
   */
  checkpoint?: number | string | null;
  overrides?: {
    [k: string]: unknown;
  };
  /**
   * Take over what the config file says otherwise, as overrides
   */
  from_file?: boolean;
}
/**
 * The body of `POST /runs/{id}/revert`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "RevertRequest".
 */
export interface RevertRequest {
  name: string;
  /**
   * The command's id
   */
  id?: string | null;
}
/**
 * A page of runs; `cursor` asks for the next page, `total` counts all that fit.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "RunList".
 */
export interface RunList {
  runs: RunSummary[];
  cursor: string | null;
  total: number;
  /**
   * Runs that are still being read, so that they may be missing here
   */
  unread: number;
  /**
   * Only when asked for
   */
  facets: Facets | null;
}
/**
 * One run, as a card or a table row shows it. None is unknown and shown as a dash.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "RunSummary".
 */
export interface RunSummary {
  run_id: string;
  name: string;
  created_at: number;
  source: string;
  profile_id: string | null;
  dataset_id: string | null;
  engine: string | null;
  state:
    | 'queued'
    | 'preparing'
    | 'running'
    | 'paused'
    | 'validating'
    | 'checkpointing'
    | 'stopping'
    | 'released'
    | 'done'
    | 'error'
    | 'cancelled'
    | 'killed'
    | 'out_of_memory'
    | 'lost'
    | 'unknown';
  stalled: boolean;
  suspended: boolean;
  /**
   * The trainer said hello; else metrics are parsed from its output
   */
  instrumented: boolean;
  attempt: number;
  health: Health;
  message: string;
  /**
   * Percent, 0..100, from PULSE v1
   */
  progress: number;
  epoch: number | null;
  total_epochs: number | null;
  step: number | null;
  total_steps: number | null;
  steps_per_epoch: number | null;
  /**
   * Last training loss
   */
  loss: number | ('NaN' | 'Infinity' | '-Infinity') | null;
  best: Best | null;
  /**
   * This epoch's mean training loss minus the last one's
   */
  delta: number | null;
  eval_loss: number | ('NaN' | 'Infinity' | '-Infinity') | null;
  /**
   * None: estimating, or nothing left to estimate
   */
  eta_seconds: number | null;
  started_at: number | null;
  finished_at: number | null;
  /**
   * Seconds from the attempt's start until now or its end
   */
  elapsed: number | null;
  /**
   * Unix seconds of the trainer's last sign of life
   */
  last_sign: number | null;
  last_checkpoint: CheckpointEvent | null;
  /**
   * Unix seconds of the last change of the config file
   */
  config_modified: number | null;
  host: string | null;
  tags: string[];
  /**
   * The beginning of its notes; all of them are in the record
   */
  note: string | null;
  /**
   * At most 60 training losses, oldest first
   */
  spark: number[];
}
/**
 * A run appeared or its summary changed.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "RunMessage".
 */
export interface RunMessage {
  type: 'run';
  run_id: string;
  summary: RunSummary;
}
/**
 * The body of `PATCH /runs/{id}`: what is given is changed. run.json stays as it was.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "RunPatch".
 */
export interface RunPatch {
  /**
   * Empty: the name it was started with
   */
  name?: string | null;
  /**
   * In place of those that it has
   */
  tags?: string[] | null;
  add_tags?: string[];
  remove_tags?: string[];
  notes?: string | null;
  /**
   * The notes that were edited; 409 when others are there
   */
  notes_before?: string | null;
}
/**
 * Everything about one run but its bulk data.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "RunRecord".
 */
export interface RunRecord {
  summary: RunSummary;
  status: Status | null;
  stale: boolean;
  cursors: Cursors;
  world_size: number | null;
  mode: string | null;
  samples: number | null;
  model: ModelInfo | null;
  capabilities: ('pause' | 'resume' | 'stop' | 'checkpoint' | 'validate' | 'set' | 'reload_config')[];
  /**
   * Command -> why it cannot be sent now; `pause:release`, `pause:hold`, `validate:test`, ... for one way of it
   */
  disabled: {
    [k: string]: string;
  };
  /**
   * Ways of `pause` that this run has now
   */
  pause_modes: ('hold' | 'release')[];
  /**
   * What `validate` can evaluate
   */
  splits: ('eval' | 'test')[];
  adjustable: {
    [k: string]: Adjustable;
  };
  /**
   * Beginnings of names of shared-out values -> how
   */
  attributions: {
    [k: string]: string;
  };
  config: {
    [k: string]: unknown;
  };
  config_source: string | null;
  /**
   * run.json as written
   */
  run: {
    [k: string]: unknown;
  };
  attempts: Attempt[];
  checkpoints: Checkpoint[];
  commands: CommandRecord[];
  hyperparameters: HyperparameterChange[];
  error: string | null;
  error_code: string | null;
  /**
   * Whether the trainer thinks that another try may work
   */
  retryable: boolean | null;
  traceback: string | null;
  /**
   * The last lines that it printed, of a run that failed without a traceback of its own
   */
  last_words: string | null;
  suggestions: Suggestion[];
  resumable: Resumable;
  parent: ParentLink | null;
  /**
   * Runs that were forked from this one
   */
  children: string[];
  /**
   * Those of them that were deleted
   */
  children_in_trash: string[];
  /**
   * What people wrote about it: plain text
   */
  notes: string;
}
/**
 * PULSE v1: exactly six fields.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Status".
 */
export interface Status {
  status: 'idle' | 'running' | 'done' | 'error';
  epoch: number;
  total_epochs: number;
  loss: number;
  message: string;
  timestamp: number;
}
/**
 * What may help a run that failed, computed from its own configuration; `overrides` are for resume or fork.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Suggestion".
 */
export interface Suggestion {
  code: string;
  text: string;
  overrides: {
    [k: string]: unknown;
  };
}
/**
 * The learning rate of each of `steps` (columns of equal length): with the peak in force, and with the one asked about.
 *
 * `then` is null up to the step that is made now: what is past stays. Nothing is drawn where `known` is false; `source`
 * says which formula it is, or why none.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "ScheduleCourse".
 */
export interface ScheduleCourse {
  known: boolean;
  source: string;
  name: string | null;
  /**
   * The peak rate in force
   */
  peak: number | null;
  /**
   * The last step made
   */
  step: number | null;
  steps: number[];
  now: number[];
  then: (number | null)[] | null;
}
/**
 * A line of console.log: byte offset of its start, line number from 1, text without colour codes.
 *
 * A line of more than 1 MiB is found in pieces of about that.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "SearchHit".
 */
export interface SearchHit {
  offset: number;
  /**
   * null: from the end of a log that takes too long to count
   */
  line: number | null;
  text: string;
}
/**
 * Some hits of a search over a console.log of `size` bytes, and where it goes on.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "SearchPage".
 */
export interface SearchPage {
  hits: SearchHit[];
  /**
   * Give it as `offset` and `line` to go on; null at the end
   */
  next: LinePlace | null;
  /**
   * `time`: the longest time was reached; `pattern`: a line took too long and was left out
   */
  stopped: 'end' | 'limit' | 'time' | 'pattern';
  size: number;
}
/**
 * PULSE v1 of a run changed, or 10 s passed without a change.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "StatusUpdate".
 */
export interface StatusUpdate {
  type: 'training_status_update';
  run_id: string;
  status: Status | null;
  progress: number;
  stale: boolean;
  state:
    | 'queued'
    | 'preparing'
    | 'running'
    | 'paused'
    | 'validating'
    | 'checkpointing'
    | 'stopping'
    | 'released'
    | 'done'
    | 'error'
    | 'cancelled'
    | 'killed'
    | 'out_of_memory'
    | 'lost'
    | 'unknown';
}
/**
 * A machine sample.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "SystemMessage".
 */
export interface SystemMessage {
  type: 'system';
  run_id: string;
  sample: SystemSample;
}
/**
 * A machine sample, see `wire.events.System`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "SystemSample".
 */
export interface SystemSample {
  seq: number;
  time: number;
  cpu: number;
  ram: MemoryUse;
  swap: MemoryUse;
  disk: MemoryUse;
  console_bytes: number;
  gpus: GpuSample[];
  group: ProcessGroupUse | null;
}
/**
 * Who asks. Trainings run as `account`, whoever starts them.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "SessionAnswer".
 */
export interface SessionAnswer {
  /**
   * A browser that was signed in, or a program with a token
   */
  by: 'cookie' | 'token';
  /**
   * The user's or the token's name; null is the owner of the home
   */
  name: string | null;
  role: 'viewer' | 'operator' | 'admin';
  /**
   * Whether this home has users, or its owner alone
   */
  users: boolean;
  /**
   * The account of the machine that the server runs as
   */
  account: string | null;
  /**
   * The name of the machine that the server runs on
   */
  machine: string;
  version: string;
}
/**
 * The answer of `GET /settings`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Settings".
 */
export interface Settings {
  alerts: Thresholds;
  defaults: Thresholds;
  /**
   * The home's folder
   */
  home: string;
  /**
   * The server's version
   */
  version: string;
}
/**
 * When alerts begin. Shares are of 1, temperatures in degrees Celsius, times in seconds.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "Thresholds".
 */
export interface Thresholds {
  /**
   * A GPU is hotter than this
   */
  gpu_temperature: number;
  /**
   * More than this share of the RAM is in use
   */
  memory_pressure: number;
  /**
   * More than this share of a GPU's memory is in use
   */
  gpu_memory: number;
  /**
   * Coefficient of variation of the shares in the most uneven layer
   */
  expert_imbalance: number;
  /**
   * For so long without a break
   */
  expert_imbalance_seconds: number;
  /**
   * An expert got no token for so long
   */
  dead_experts_seconds: number;
  /**
   * So much of the last four minutes' average is missing
   */
  slow_throughput: number;
  /**
   * The time that is compared with it
   */
  slow_throughput_seconds: number;
  /**
   * No more than this share of the disk is free
   */
  disk_free: number;
  /**
   * console.log is at least as large
   */
  console_log_bytes: number;
  /**
   * Every so many epochs are a notice
   */
  epoch_milestone: number;
}
/**
 * The body of `PUT /settings`: the whole of what can be changed; what is left out takes its default.
 *
 * An answer of `GET /settings` can be sent back as it is.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "SettingsUpdate".
 */
export interface SettingsUpdate {
  alerts: Thresholds;
  /**
   * Ignored
   */
  defaults?: Thresholds | null;
  /**
   * Must be as it is: a server stays in its home
   */
  home?: string | null;
  /**
   * Ignored
   */
  version?: string | null;
}
/**
 * The answer of `POST /session/link`: a URL that signs one browser in, once.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "SignInLink".
 */
export interface SignInLink {
  url: string;
  /**
   * Seconds until it is over, used or not
   */
  expires_in: number;
}
/**
 * The answer of `POST /runs`, `/resume` and `/fork`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "StartAnswer".
 */
export interface StartAnswer {
  run_id: string;
  state: string;
  attempt: number;
}
/**
 * The body of `POST /runs`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "StartRequest".
 */
export interface StartRequest {
  profile_id: string;
  dataset_id?: string | null;
  epochs?: number | null;
  /**
   * Its settings are taken where `overrides` name none
   */
  preset_id?: string | null;
  overrides?: {
    [k: string]: unknown;
  };
  name?: string | null;
  tags?: string[];
  launcher?: string | null;
  /**
   * false: it starts at once, whatever else runs; else it waits while the machine is full
   */
  queue?: boolean | null;
  /**
   * In the queue the higher one goes first
   */
  priority?: number;
}
/**
 * The end of what a COMMAND printed; `skipped` bytes before it are left out.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "StepOutput".
 */
export interface StepOutput {
  text: string;
  skipped: number;
}
/**
 * Machine samples, oldest first.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "SystemAnswer".
 */
export interface SystemAnswer {
  samples: SystemSample[];
  cursor: number;
}
/**
 * Where a run's TensorBoard is.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "TensorBoardAnswer".
 */
export interface TensorBoardAnswer {
  /**
   * Path on this server. It carries a key of its own: TensorBoard's page has no cookie and cannot use this API
   */
  url: string;
}
/**
 * The body of `POST /commands`: `TRAIN AGENT` or `INDEX KNOWLEDGE`, then one `KEY="VALUE"` a line.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "TextCommand".
 */
export interface TextCommand {
  command_text: string;
}
/**
 * What a text command began: a training with its `run_id`, or the indexing of a folder with its `index_id`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "TextCommandAnswer".
 */
export interface TextCommandAnswer {
  command: 'TRAIN AGENT' | 'INDEX KNOWLEDGE';
  run_id: string | null;
  index_id: string | null;
  state: string;
}
/**
 * A token of a program, without its text.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "TokenInfo".
 */
export interface TokenInfo {
  id: string;
  name: string;
  role: 'viewer' | 'operator' | 'admin';
  created_at: number;
  /**
   * Unix seconds; null lasts until it is revoked
   */
  expires_at: number | null;
  /**
   * Unix seconds; null: never, or before it was recorded
   */
  last_used: number | null;
}
/**
 * How long records are in tokens of one tokenizer, rendered and tokenized as the built-in recipe does.
 *
 * `counted` records out of `records`, spread evenly. Bar i of `counts` holds lengths from `edges[i]` up to, not including,
 * `edges[i + 1]`. `above` of the counted ones are longer than `limit`, where one was named.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "TokenLengths".
 */
export interface TokenLengths {
  tokenizer: string;
  counted: number;
  records: number;
  total: number;
  min: number;
  p25: number;
  median: number;
  p75: number;
  p95: number;
  p99: number;
  max: number;
  mean: number;
  edges: number[];
  counts: number[];
  limit: number | null;
  above: number | null;
}
/**
 * The answer of `POST /tokens`, and the only place that ever holds its text.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "TokenMade".
 */
export interface TokenMade {
  token: TokenInfo;
  secret: string;
}
/**
 * The body of `POST /tokens`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "TokenRequest".
 */
export interface TokenRequest {
  name: string;
  scope: 'read' | 'operate' | 'admin';
  /**
   * Seconds that it lasts; null: until it is revoked
   */
  expires_in: number | null;
}
/**
 * A profile that was deleted; `entry` names it for putting it back.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "TrashedProfile".
 */
export interface TrashedProfile {
  entry: string;
  id: string;
  deleted_at: number;
}
/**
 * A deleted run: `entry` is its name in the trash.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "TrashedRun".
 */
export interface TrashedRun {
  entry: string;
  run_id: string;
  name: string;
  created_at: number | null;
  deleted_at: number;
  profile_id: string | null;
  dataset_id: string | null;
}
/**
 * A document that was sent to the server: its folder can be indexed.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "UploadedDocument".
 */
export interface UploadedDocument {
  path: string;
  folder: string;
  name: string;
  bytes: number;
}
/**
 * The answer of `POST /users`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "UserAdded".
 */
export interface UserAdded {
  user: UserInfo;
  link: SignInLink | null;
}
/**
 * Somebody who signs in by name.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "UserInfo".
 */
export interface UserInfo {
  name: string;
  role: 'viewer' | 'operator' | 'admin';
  created_at: number;
  /**
   * On record, and let in no more
   */
  disabled: boolean;
  /**
   * Whether they can sign in by themselves; else by a link alone
   */
  has_password: boolean;
  /**
   * Unix seconds; null: never, or before it was recorded
   */
  last_seen: number | null;
}
/**
 * The body of `PATCH /users/{name}`: what is left out stays.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "UserPatch".
 */
export interface UserPatch {
  role?: ('viewer' | 'operator' | 'admin') | null;
  disabled?: boolean | null;
  password?: string | null;
}
/**
 * The body of `POST /users`.
 *
 * This interface was referenced by `Wire`'s JSON-Schema
 * via the `definition` "UserRequest".
 */
export interface UserRequest {
  name: string;
  role?: 'viewer' | 'operator' | 'admin';
  /**
   * null: the answer has a link that signs them in, once
   */
  password?: string | null;
}
