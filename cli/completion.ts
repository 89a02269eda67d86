import { defineCommand } from './command.ts';
import { COMPLETE_FLAG } from './framework/completion.ts';

/** `colonies completion` */
export const completion = defineCommand({
  describe: 'Print a script that lets a shell complete commands and options',
  positional: {
    shell: { type: 'string', describe: 'for which shell', choices: ['bash', 'zsh'], default: 'bash' },
  },
  examples: [
    ['completion >> ~/.bashrc', 'bash: in every new terminal'],
    ['completion zsh >> ~/.zshrc', 'the same for zsh'],
  ],
  async run({ shell }) {
    const lines = shell === 'zsh' ? ['autoload -U +X bashcompinit && bashcompinit', ...SCRIPT] : SCRIPT;
    return {
      json: { shell, script: lines.join('\n') },
      show(out) {
        for (const line of lines) out.line(line);
      },
    };
  },
});

/** Where there is nothing to complete, the shell goes on with names of files. */
const SCRIPT = [
  '_colonies_complete() {',
  "  local IFS=$'\\n'",
  `  COMPREPLY=($(colonies ${COMPLETE_FLAG} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))`,
  '}',
  'complete -o default -F _colonies_complete colonies',
];
