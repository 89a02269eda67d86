import type { Group } from './framework/parser.ts';

/** Every command of `colonies`: the path here is its name and the path of its file. Modules are read when asked for. */
export const COMMANDS: Group = {
  describe: 'Compute together on data that nobody shows',
  commands: {
    attribute: {
      describe: 'Attach keys and values to processes',
      commands: {
        add: async () => (await import('./attribute/add.ts')).attributeAdd,
        get: async () => (await import('./attribute/get.ts')).attributeGet,
      },
    },
    cluster: {
      describe: 'Look at the servers that work together',
      commands: {
        info: async () => (await import('./cluster/info.ts')).clusterInfo,
      },
    },
    colony: {
      describe: 'Found, count and remove colonies',
      commands: {
        add: async () => (await import('./colony/add.ts')).colonyAdd,
        check: async () => (await import('./colony/check.ts')).colonyCheck,
        chid: async () => (await import('./colony/chid.ts')).colonyChid,
        ls: async () => (await import('./colony/ls.ts')).colonyLs,
        remove: async () => (await import('./colony/remove.ts')).colonyRemove,
        stats: async () => (await import('./colony/stats.ts')).colonyStats,
      },
    },
    completion: async () => (await import('./completion.ts')).completion,
    cron: {
      describe: 'Submit workflows again and again',
      commands: {
        add: async () => (await import('./cron/add.ts')).cronAdd,
        get: async () => (await import('./cron/get.ts')).cronGet,
        ls: async () => (await import('./cron/ls.ts')).cronLs,
        remove: async () => (await import('./cron/remove.ts')).cronRemove,
        run: async () => (await import('./cron/run.ts')).cronRun,
      },
    },
    decrypt: {
      describe: 'Read the result of a hospital workflow with the local private key',
      load: async () => (await import('./decrypt.ts')).decrypt,
    },
    demo: {
      describe: 'Show parties computing together what none of them could alone',
      load: async () => (await import('./demo.ts')).demo,
    },
    executor: {
      describe: 'Run and manage executors, the daemons of a colony',
      commands: {
        add: async () => (await import('./executor/add.ts')).executorAdd,
        approve: async () => (await import('./executor/approve.ts')).executorApprove,
        chid: async () => (await import('./executor/chid.ts')).executorChid,
        create: async () => (await import('./executor/create.ts')).executorCreate,
        get: async () => (await import('./executor/get.ts')).executorGet,
        ls: async () => (await import('./executor/ls.ts')).executorLs,
        reject: async () => (await import('./executor/reject.ts')).executorReject,
        remove: async () => (await import('./executor/remove.ts')).executorRemove,
        start: {
          describe: 'Run a daemon in this terminal',
          commands: {
            cloud: async () => (await import('./executor/start/cloud.ts')).executorStartCloud,
            hospital: async () => (await import('./executor/start/hospital.ts')).executorStartHospital,
            'regression-aggregator': async () =>
              (await import('./executor/start/regression-aggregator.ts')).executorStartRegressionAggregator,
            'regression-feature': async () =>
              (await import('./executor/start/regression-feature.ts')).executorStartRegressionFeature,
            'regression-label': async () =>
              (await import('./executor/start/regression-label.ts')).executorStartRegressionLabel,
          },
        },
      },
    },
    fs: {
      describe: 'Share files in the colony',
      commands: {
        get: async () => (await import('./fs/get.ts')).fsGet,
        info: async () => (await import('./fs/info.ts')).fsInfo,
        label: {
          describe: 'Manage the directories of files',
          commands: {
            ls: async () => (await import('./fs/label/ls.ts')).fsLabelLs,
            remove: async () => (await import('./fs/label/remove.ts')).fsLabelRemove,
          },
        },
        ls: async () => (await import('./fs/ls.ts')).fsLs,
        remove: async () => (await import('./fs/remove.ts')).fsRemove,
        snapshot: {
          describe: 'Keep the state of files under a name',
          commands: {
            create: async () => (await import('./fs/snapshot/create.ts')).fsSnapshotCreate,
            download: async () => (await import('./fs/snapshot/download.ts')).fsSnapshotDownload,
            info: async () => (await import('./fs/snapshot/info.ts')).fsSnapshotInfo,
            ls: async () => (await import('./fs/snapshot/ls.ts')).fsSnapshotLs,
            remove: async () => (await import('./fs/snapshot/remove.ts')).fsSnapshotRemove,
            removeall: async () => (await import('./fs/snapshot/removeall.ts')).fsSnapshotRemoveAll,
          },
        },
        sync: async () => (await import('./fs/sync.ts')).fsSync,
      },
    },
    function: {
      describe: 'Submit single functions, and say who runs them',
      commands: {
        exec: async () => (await import('./function/exec.ts')).functionExec,
        ls: async () => (await import('./function/ls.ts')).functionLs,
        register: async () => (await import('./function/register.ts')).functionRegister,
        remove: async () => (await import('./function/remove.ts')).functionRemove,
        submit: async () => (await import('./function/submit.ts')).functionSubmit,
      },
    },
    generator: {
      describe: 'Submit workflows for batches of texts',
      commands: {
        add: async () => (await import('./generator/add.ts')).generatorAdd,
        get: async () => (await import('./generator/get.ts')).generatorGet,
        ls: async () => (await import('./generator/ls.ts')).generatorLs,
        pack: async () => (await import('./generator/pack.ts')).generatorPack,
        remove: async () => (await import('./generator/remove.ts')).generatorRemove,
      },
    },
    keys: {
      describe: 'Make the Paillier keys that results are encrypted with',
      commands: {
        generate: async () => (await import('./keys/generate.ts')).keysGenerate,
        show: async () => (await import('./keys/show.ts')).keysShow,
      },
    },
    location: {
      describe: 'Manage the places that executors are at',
      commands: {
        add: async () => (await import('./location/add.ts')).locationAdd,
        get: async () => (await import('./location/get.ts')).locationGet,
        ls: async () => (await import('./location/ls.ts')).locationLs,
        remove: async () => (await import('./location/remove.ts')).locationRemove,
      },
    },
    log: {
      describe: 'Read and write what executors report',
      commands: {
        add: async () => (await import('./log/add.ts')).logAdd,
        get: async () => (await import('./log/get.ts')).logGet,
        search: async () => (await import('./log/search.ts')).logSearch,
      },
    },
    process: {
      describe: 'Look at processes, run and remove them',
      commands: {
        assign: async () => (await import('./process/assign.ts')).processAssign,
        cancel: async () => (await import('./process/cancel.ts')).processCancel,
        close: async () => (await import('./process/close.ts')).processClose,
        fail: async () => (await import('./process/fail.ts')).processFail,
        get: async () => (await import('./process/get.ts')).processGet,
        pause: async () => (await import('./process/pause.ts')).processPause,
        ps: async () => (await import('./process/ps.ts')).processPs,
        psc: async () => (await import('./process/psc.ts')).processPsc,
        psf: async () => (await import('./process/psf.ts')).processPsf,
        pss: async () => (await import('./process/pss.ts')).processPss,
        psw: async () => (await import('./process/psw.ts')).processPsw,
        remove: async () => (await import('./process/remove.ts')).processRemove,
        removeall: async () => (await import('./process/removeall.ts')).processRemoveAll,
        resume: async () => (await import('./process/resume.ts')).processResume,
        status: async () => (await import('./process/status.ts')).processStatus,
        wait: async () => (await import('./process/wait.ts')).processWait,
      },
    },
    regression: {
      describe: 'Train models between parties that hold different columns, and predict with them',
      commands: {
        cancel: async () => (await import('./regression/cancel.ts')).regressionCancel,
        plan: async () => (await import('./regression/plan.ts')).regressionPlan,
        predict: async () => (await import('./regression/predict.ts')).regressionPredict,
        report: async () => (await import('./regression/report.ts')).regressionReport,
        resume: async () => (await import('./regression/resume.ts')).regressionResume,
        status: async () => (await import('./regression/status.ts')).regressionStatus,
        submit: async () => (await import('./regression/submit.ts')).regressionSubmit,
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
        alive: async () => (await import('./server/alive.ts')).serverAlive,
        backup: async () => (await import('./server/backup.ts')).serverBackup,
        chid: async () => (await import('./server/chid.ts')).serverChid,
        env: async () => (await import('./server/env.ts')).serverEnv,
        restore: async () => (await import('./server/restore.ts')).serverRestore,
        start: async () => (await import('./server/start.ts')).serverStart,
        stats: async () => (await import('./server/stats.ts')).serverStats,
        status: async () => (await import('./server/status.ts')).serverStatus,
      },
    },
    user: {
      describe: 'Manage the users of a colony',
      commands: {
        add: async () => (await import('./user/add.ts')).userAdd,
        chid: async () => (await import('./user/chid.ts')).userChid,
        get: async () => (await import('./user/get.ts')).userGet,
        ls: async () => (await import('./user/ls.ts')).userLs,
        remove: async () => (await import('./user/remove.ts')).userRemove,
      },
    },
    version: async () => (await import('./version.ts')).version,
    workflow: {
      describe: 'Submit, look at and remove workflows',
      commands: {
        cancel: async () => (await import('./workflow/cancel.ts')).workflowCancel,
        get: async () => (await import('./workflow/get.ts')).workflowGet,
        ps: async () => (await import('./workflow/ps.ts')).workflowPs,
        psc: async () => (await import('./workflow/psc.ts')).workflowPsc,
        psf: async () => (await import('./workflow/psf.ts')).workflowPsf,
        pss: async () => (await import('./workflow/pss.ts')).workflowPss,
        psw: async () => (await import('./workflow/psw.ts')).workflowPsw,
        remove: async () => (await import('./workflow/remove.ts')).workflowRemove,
        removeall: async () => (await import('./workflow/removeall.ts')).workflowRemoveAll,
        submit: async () => (await import('./workflow/submit.ts')).workflowSubmit,
      },
    },
  },
};
