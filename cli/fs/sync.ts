import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UserError } from '../../colony/errors.ts';
import { defineCommand } from '../command.ts';
import { confirm } from '../framework/confirmation.ts';
import type { Connection, Context } from '../framework/context.ts';
import { memberKey, yesOption } from '../framework/global-options.ts';
import type { Report } from '../framework/report.ts';
import type { Terminal } from '../framework/terminal.ts';
import { findRevisions, formatSize, normalizeLabel } from '../views/files.ts';
import { planSync, type SyncPlan, type SyncStep, type SyncTarget } from '../views/file-sync.ts';
import { type FileTransfer, openFileTransfer } from '../views/file-transfer.ts';

/** `colonies fs sync` */
export const fsSync = defineCommand({
  describe: 'Make a directory of this machine and a label of the colony hold the same files',
  details: [
    'Uploads what the colony lacks and downloads what the directory lacks, with all directories below. Nothing is removed. Where both have a file with other bytes, the one of this machine counts; with --no-keeplocal the one of the colony, and then local files are replaced, about which you are asked.',
    'The bytes go to the Colonies server, or to S3 where AWS_S3_ENDPOINT and its like are set. Downloaded files can be read by you only. Links are not followed, and names that lead out of the directory are left out.',
  ].join('\n'),
  options: {
    dir: { type: 'string', alias: 'd', describe: 'directory of this machine, made where missing', required: true },
    label: { type: 'string', alias: 'l', describe: 'directory in the colony', required: true },
    dry: { type: 'boolean', describe: 'only say what would be done' },
    keeplocal: { type: 'boolean', describe: 'where both differ, keep the file of this machine', default: true },
    ...yesOption,
    ...memberKey,
  },
  examples: [
    ['fs sync -d data -l /data --dry', 'what would be uploaded and downloaded'],
    ['fs sync -d data -l /data --no-keeplocal --yes', 'take over what others have changed'],
  ],
  stopsItself: true,
  async run(args, context) {
    const { dir, dry, yes, keeplocal: keepLocal, prvkey } = args;
    const target = { directory: resolve(context.io.cwd, dir), label: normalizeLabel(args.label), keepLocal };
    const connection = await context.connect('member', { prvkey });
    const plan = await planSync(connection, target, context.io.signal);
    for (const warning of plan.warnings) context.say(`warning: ${warning}`);
    if (plan.steps.length + plan.warnings.length === 0) requireDirectory(target, dir);
    if (dry || plan.steps.length === 0) return planReport(plan, target, false);
    await confirmReplacing(plan, target, yes, context);
    const transfer = await openFileTransfer(connection, context);
    for (const step of plan.steps) await carryOut(step, target, transfer, connection, context);
    return planReport(plan, target, true);
  },
});

/** Where there is nothing on either side, a name was probably mistyped. @throws UserError */
function requireDirectory({ directory, label }: SyncTarget, dir: string): void {
  if (existsSync(directory)) return;
  throw new UserError(
    `--dir: expected a directory, or files under ${label} to download into a new one, got neither with ${dir}`,
  );
}

async function confirmReplacing(plan: SyncPlan, target: SyncTarget, yes: boolean, context: Context): Promise<void> {
  const replaced = plan.steps.filter(({ action }) => action === 'replace-local');
  if (replaced.length === 0) return;
  if (!yes) showSteps(replaced, context.talk);
  const files = replaced.length === 1 ? '1 file' : `${replaced.length} files`;
  await confirm(`Replace ${files} in ${target.directory}?`, yes, context.io, ['fs', 'sync']);
}

async function carryOut(
  step: SyncStep,
  { directory }: SyncTarget,
  transfer: FileTransfer,
  { client, colonyName }: Connection,
  { note, io }: Context,
): Promise<void> {
  io.signal.throwIfAborted();
  const { action, label, directories, name } = step;
  note(`${ACTIONS[action]}: ${[...directories, name].join('/')}`);
  if (action === 'upload' || action === 'replace-remote') {
    await transfer.upload(join(directory, ...directories, name), label, name);
    return;
  }
  const [file] = await findRevisions(
    client,
    colonyName,
    { fileId: '', label, name },
    { latest: true, signal: io.signal },
  );
  // The name that was checked, whatever the server answers now.
  await transfer.download({ ...file, name }, directory, directories);
}

const ACTIONS: Readonly<Record<SyncStep['action'], string>> = {
  upload: 'upload',
  download: 'download',
  'replace-remote': 'replace in the colony',
  'replace-local': 'replace here',
};

function planReport({ steps, warnings }: SyncPlan, { directory, label }: SyncTarget, isDone: boolean): Report {
  return {
    json: {
      directory,
      label,
      isDone: isDone || steps.length === 0,
      steps: steps.map(({ action, label: within, name, sizeBytes }) => ({ action, label: within, name, sizeBytes })),
      warnings,
    },
    show(out, talk) {
      if (steps.length === 0) talk.line(`Already synchronized: ${directory} and ${label}`);
      showSteps(steps, out);
      if (isDone) talk.line(`Synchronized: ${directory} and ${label}`);
    },
  };
}

function showSteps(steps: readonly SyncStep[], terminal: Terminal): void {
  terminal.table(
    [{ title: 'ACTION' }, { title: 'FILE', shrinks: true }, { title: 'SIZE' }, { title: 'LABEL', shrinks: true }],
    steps.map(({ action, directories, name, sizeBytes, label }) => [
      ACTIONS[action],
      [...directories, name].join('/'),
      formatSize(sizeBytes),
      label,
    ]),
  );
}
