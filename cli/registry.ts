import type { Group } from './framework/parser.ts';

/** Every command of `colonies`: the path here is its name and the path of its file. Modules are read when asked for. */
export const COMMANDS: Group = {
  describe: 'Compute together on data that nobody shows',
  commands: {
    colony: {
      describe: 'Found colonies',
      commands: {
        add: async () => (await import('./colony/add.ts')).colonyAdd,
        ls: async () => (await import('./colony/ls.ts')).colonyLs,
      },
    },
    decrypt: {
      describe: 'Read the result of a hospital workflow with the local private key',
      load: async () => (await import('./decrypt.ts')).decrypt,
    },
    demo: {
      describe: 'Show hospitals computing a sum and statistics that none of them can see',
      load: async () => (await import('./demo.ts')).demo,
    },
    executor: {
      describe: 'Run and manage executors, the daemons of a colony',
      commands: {
        add: async () => (await import('./executor/add.ts')).executorAdd,
        approve: async () => (await import('./executor/approve.ts')).executorApprove,
        ls: async () => (await import('./executor/ls.ts')).executorLs,
        reject: async () => (await import('./executor/reject.ts')).executorReject,
        remove: async () => (await import('./executor/remove.ts')).executorRemove,
        start: {
          describe: 'Run a daemon in this terminal',
          commands: {
            cloud: async () => (await import('./executor/start/cloud.ts')).executorStartCloud,
            hospital: async () => (await import('./executor/start/hospital.ts')).executorStartHospital,
          },
        },
      },
    },
    function: {
      describe: 'Submit single functions',
      commands: {
        exec: async () => (await import('./function/exec.ts')).functionExec,
        ls: async () => (await import('./function/ls.ts')).functionLs,
        submit: async () => (await import('./function/submit.ts')).functionSubmit,
      },
    },
    keys: {
      describe: 'Make the Paillier keys that results are encrypted with',
      commands: {
        generate: async () => (await import('./keys/generate.ts')).keysGenerate,
        show: async () => (await import('./keys/show.ts')).keysShow,
      },
    },
    log: {
      describe: 'Read what executors report',
      commands: {
        get: async () => (await import('./log/get.ts')).logGet,
      },
    },
    process: {
      describe: 'Look at processes',
      commands: {
        cancel: async () => (await import('./process/cancel.ts')).processCancel,
        get: async () => (await import('./process/get.ts')).processGet,
        ps: async () => (await import('./process/ps.ts')).processPs,
        psc: async () => (await import('./process/psc.ts')).processPsc,
        psf: async () => (await import('./process/psf.ts')).processPsf,
        pss: async () => (await import('./process/pss.ts')).processPss,
        psw: async () => (await import('./process/psw.ts')).processPsw,
        wait: async () => (await import('./process/wait.ts')).processWait,
      },
    },
    security: {
      describe: 'Make Colonies identities',
      commands: {
        generate: async () => (await import('./security/generate.ts')).securityGenerate,
        id: async () => (await import('./security/id.ts')).securityId,
      },
    },
    server: {
      describe: 'Run and look at a server',
      commands: {
        env: async () => (await import('./server/env.ts')).serverEnv,
        start: async () => (await import('./server/start.ts')).serverStart,
        status: async () => (await import('./server/status.ts')).serverStatus,
      },
    },
    user: {
      describe: 'Manage the users of a colony',
      commands: {
        add: async () => (await import('./user/add.ts')).userAdd,
        ls: async () => (await import('./user/ls.ts')).userLs,
      },
    },
    version: async () => (await import('./version.ts')).version,
    workflow: {
      describe: 'Submit workflows and look at them',
      commands: {
        cancel: async () => (await import('./workflow/cancel.ts')).workflowCancel,
        get: async () => (await import('./workflow/get.ts')).workflowGet,
        ps: async () => (await import('./workflow/ps.ts')).workflowPs,
        psc: async () => (await import('./workflow/psc.ts')).workflowPsc,
        psf: async () => (await import('./workflow/psf.ts')).workflowPsf,
        pss: async () => (await import('./workflow/pss.ts')).workflowPss,
        psw: async () => (await import('./workflow/psw.ts')).workflowPsw,
        submit: async () => (await import('./workflow/submit.ts')).workflowSubmit,
      },
    },
  },
};
