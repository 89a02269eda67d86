import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { ServerError, toError, UserError } from '../../colony/errors.ts';
import { generateIdentity } from '../../colony/identity.ts';
import { writeWholeFile } from '../../colony/private-files.ts';
import { defineCommand } from '../command.ts';
import { colonyKey } from '../framework/global-options.ts';
import { registerExecutor, readRegistration, registrationOptions } from '../views/executor-registration.ts';

/** `colonies executor create` */
export const executorCreate = defineCommand({
  describe: 'Make a key for an executor and register it; needs the key of the colony',
  details: [
    'The private key goes to --keypath, readable by its owner only, or is printed where that is not given.',
    'Files that exist are never replaced. When the registration is refused, the files are removed again.',
  ].join('\n'),
  options: {
    keypath: { type: 'string', describe: 'file to write the private key to' },
    idpath: { type: 'string', describe: 'file to write the id to' },
    ...registrationOptions,
    ...colonyKey,
  },
  examples: [['executor create --name r1 --type hospital --keypath r1.key --approve', 'for a daemon on this machine']],
  async run(args, context) {
    const { addExecutor, Executor } = await import('../../colony/messages/executors.ts');
    const { toWire } = await import('../views/wire.ts');
    const { id, privateKey } = generateIdentity();
    const connection = await context.connect('colony', args);
    const wanted = await readRegistration(id, args, connection, context);
    const files = writeFiles(context.io.cwd, [
      { flag: '--keypath', path: args.keypath, text: privateKey, mode: 0o600 },
      { flag: '--idpath', path: args.idpath, text: id, mode: 0o644 },
    ]);
    const { message, executor } = await registerExecutor(connection, wanted, args).catch((thrown: unknown) => {
      // After a lost answer nobody knows whether the key is in use, and after a refused approval it is: it is kept.
      if (thrown instanceof ServerError && thrown.messageType === addExecutor.type) removeFiles(files);
      throw thrown;
    });
    const shownKey = args.keypath === undefined ? { privateKey } : {};
    return {
      json: { ...Object(toWire(Executor, executor)), ...shownKey },
      show(out, talk) {
        talk.line(message);
        out.facts([['Id', id], ...Object.values(shownKey).map((key): [string, string] => ['PrivateKey', key])]);
      },
    };
  },
});

interface WantedFile {
  readonly flag: string;
  readonly path: string | undefined;
  readonly text: string;
  readonly mode: number;
}

/** Writes all files or, when one cannot be written, none. */
function writeFiles(cwd: string, wanted: readonly WantedFile[]): string[] {
  const written: string[] = [];
  for (const { flag, path, text, mode } of wanted) {
    if (path === undefined) continue;
    const absolute = resolve(cwd, path);
    try {
      writeWholeFile(absolute, text, { mode, overwrite: false });
    } catch (thrown) {
      removeFiles(written);
      throw new UserError(`${flag}: expected to write a new file, got "${toError(thrown).message}"`, {
        cause: thrown,
      });
    }
    written.push(absolute);
  }
  return written;
}

function removeFiles(paths: readonly string[]): void {
  for (const path of paths) rmSync(path, { force: true });
}
