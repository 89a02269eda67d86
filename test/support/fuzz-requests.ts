/** An id that nothing has. */
const UNKNOWN_ID = 'f'.repeat(64);

/** Who signs a request. */
export type Signer = 'user' | 'executor' | 'colonyOwner' | 'serverOwner';

/** Ids of things that exist in the colony under test. */
export interface Things {
  readonly colonyName: string;
  readonly executorName: string;
  readonly executorId: string;
  readonly executorType: string;
  readonly userId: string;
  readonly waitingId: string;
  readonly runningId: string;
  readonly workflowId: string;
  readonly parentId: string;
  readonly childId: string;
  readonly attributeId: string;
  readonly functionId: string;
  readonly fileId: string;
  readonly snapshotId: string;
  readonly cronId: string;
  readonly generatorId: string;
}

/** A message's type, who sends it, and a request that is valid or nearly so. */
export type Request = readonly [messageType: string, signer: Signer, inner: Readonly<Record<string, unknown>>];

/** A function spec with everything in it. */
function specOf({ colonyName, executorType }: Things): object {
  return {
    nodename: 'n',
    funcname: 'f',
    args: ['a', 1, null],
    kwargs: { k: { deep: [1] } },
    priority: 1,
    maxwaittime: 100,
    maxexectime: 100,
    maxretries: 1,
    label: 'l',
    env: { X: '1' },
    channels: ['chat'],
    fs: {
      mount: '/m',
      snapshots: [{ snapshotid: UNKNOWN_ID, label: '/l', dir: '/d', keepfiles: true, keepsnapshot: true }],
      dirs: [{ label: '/l', dir: '/d', keepfiles: true, onconflicts: { onstart: { keeplocal: true }, onclose: {} } }],
    },
    conditions: {
      colonyname: colonyName,
      executornames: ['x'],
      executortype: `${executorType}-never`,
      locationname: 'here',
      dependencies: [],
      nodes: 1,
      cpu: '100m',
      processes: 1,
      processespernode: 1,
      mem: '1Gi',
      storage: '1Gi',
      gpu: { name: 'g', mem: '1Gi', count: 1, nodecount: 1 },
      walltime: 10,
    },
  };
}

const node = (nodename: string, dependencies: readonly string[]) => ({
  nodename,
  funcname: 'f',
  maxexectime: -1,
  conditions: { executortype: 'never', dependencies },
});

function workflowOf(things: Things): object {
  return { colonyname: things.colonyName, functionspecs: [node('a', []), node('b', ['a']), node('c', ['a', 'b'])] };
}

let count = 0;
function fresh(prefix: string): string {
  count += 1;
  return `${prefix}-${count}`;
}

function colonyRequests({ colonyName, executorName, executorId, executorType, userId }: Things): Request[] {
  const colonyname = colonyName;
  const victim = { colonyname, executorname: 'victim' };
  const capabilities = {
    hardware: [{ model: 'm', nodes: 1, cpu: '1', cores: 1, mem: '1Gi', storage: '1Gi', gpu: {}, network: ['n'] }],
    software: [{ name: 'n', type: 't', version: 'v' }],
  };
  const allocations = { projects: { p: { allocatedcpu: 1, usedcpu: 1, allocatedgpu: 1, usedgpu: 1 } } };
  const registration = { executorid: UNKNOWN_ID, executorname: fresh('e'), executortype: executorType, colonyname };
  return [
    ['versionmsg', 'user', { buildversion: '', buildtime: '' }],
    ['getserverinfomsg', 'user', {}],
    ['getstatisticsmsg', 'serverOwner', {}],
    ['getclustermsg', 'serverOwner', {}],
    ['changeserveridmsg', 'serverOwner', { serverid: 'short' }],
    ['addcolonymsg', 'serverOwner', { colony: { colonyid: UNKNOWN_ID, name: fresh('c') } }],
    ['removecolonymsg', 'serverOwner', { colonyname: 'victim' }],
    ['getcoloniesmsg', 'serverOwner', {}],
    ['getcolonymsg', 'user', { colonyname }],
    ['getcolonystatsmsg', 'user', { colonyname }],
    ['changecolonyidmsg', 'colonyOwner', { colonyname, colonyid: 'short' }],
    ['pauseassignmentsmsg', 'colonyOwner', { colonyname: 'victim' }],
    ['resumeassignmentsmsg', 'colonyOwner', { colonyname }],
    ['getpausestatusmsg', 'user', { colonyname }],
    [
      'addusermsg',
      'colonyOwner',
      { user: { colonyname, userid: UNKNOWN_ID, name: fresh('u'), email: 'e', phone: 'p' } },
    ],
    ['getusersmsg', 'user', { colonyname }],
    ['getusermsg', 'user', { colonyname, name: 'user' }],
    ['getuserbyidmsg', 'user', { colonyname, userid: userId }],
    ['removeusermsg', 'colonyOwner', { colonyname, name: 'victim' }],
    ['changeuseridmsg', 'user', { colonyname, userid: 'short' }],
    [
      'addlocationmsg',
      'colonyOwner',
      { location: { colonyname, name: fresh('l'), description: 'd', long: 1.5, lat: 2 } },
    ],
    ['getlocationsmsg', 'user', { colonyname }],
    ['getlocationmsg', 'user', { colonyname, name: 'l' }],
    ['removelocationmsg', 'colonyOwner', { colonyname, name: 'victim' }],
    ['addexecutormsg', 'colonyOwner', { executor: { ...registration, locationname: 'l', capabilities, allocations } }],
    ['approveexecutormsg', 'colonyOwner', victim],
    ['rejectexecutormsg', 'colonyOwner', victim],
    ['removeexecutormsg', 'colonyOwner', victim],
    ['getexecutorsmsg', 'user', { colonyname }],
    ['getexecutormsg', 'user', { colonyname, executorname: executorName }],
    ['getexecutorbyidmsg', 'user', { colonyname, executorid: executorId }],
    ['changeexecutoridmsg', 'executor', { colonyname, executorid: 'short' }],
    ['reportallocationmsg', 'executor', { colonyname, executorname: executorName, allocations }],
    ['updateexecutormsg', 'executor', { colonyname, executorname: executorName, capabilities }],
    [
      'addfunctionmsg',
      'executor',
      {
        fun: {
          colonyname,
          executorname: executorName,
          funcname: fresh('f'),
          description: 'd',
          args: [{ name: 'a', type: 't', description: 'd', required: true, enum: ['x'] }],
        },
      },
    ],
    ['getfunctionsmsg', 'user', { colonyname, executorname: executorName }],
  ];
}

function processRequests(things: Things): Request[] {
  const { colonyName: colonyname, waitingId, runningId, workflowId, parentId, childId, attributeId } = things;
  const processid = runningId;
  const list = { colonyname, count: 10, state: 0 };
  return [
    ['submitfuncspecmsg', 'user', { spec: specOf(things) }],
    ['assignprocessmsg', 'executor', { colonyname, timeout: -1, availablecpu: '1000m', availablemem: '1Gi' }],
    ['getprocessmsg', 'user', { processid: waitingId }],
    ['getprocessesmsg', 'user', { ...list, executortype: '', label: '', initiator: '' }],
    ['getprocesshistmsg', 'user', { colonyname, executorid: '', seconds: 100, state: 1 }],
    ['removeprocessmsg', 'user', { processid, all: false }],
    ['removeallprocessesmsg', 'colonyOwner', { colonyname, state: 4 }],
    ['closesuccessfulmsg', 'executor', { processid: waitingId, out: ['o', 1, { a: null }] }],
    ['closefailedmsg', 'executor', { processid: waitingId, errors: ['e'] }],
    ['setoutputmsg', 'executor', { processid, out: ['o'] }],
    ['cancelprocessmsg', 'user', { processid: parentId }],
    [
      'addattributemsg',
      'executor',
      { attribute: { targetid: processid, key: fresh('k'), value: 'v', attributetype: 1 } },
    ],
    ['getattributemsg', 'user', { attributeid: attributeId }],
    [
      'channelappendmsg',
      'user',
      { processid, name: 'chat', sequence: 1, inreplyto: 0, payload: 'aGk=', payloadtype: '' },
    ],
    ['channelreadmsg', 'user', { processid, name: 'chat', afterseq: 0, limit: 0 }],
    ['addlogmsg', 'executor', { processid, message: 'm' }],
    ['addexecutorlogmsg', 'executor', { colonyname, executorname: things.executorName, message: 'm' }],
    ['getlogsmsg', 'user', { colonyname, processid, executorname: '', count: 10, since: 1, latest: true }],
    ['searchlogsmsg', 'user', { colonyname, text: 'm', days: 1, count: 10 }],
    ['submitworkflowspecmsg', 'user', { spec: workflowOf(things) }],
    ['getprocessgraphmsg', 'user', { processgraphid: workflowId }],
    ['getprocessgraphsmsg', 'user', list],
    ['removeprocessgraphmsg', 'user', { processgraphid: workflowId, all: false }],
    ['removeallprocessgraphsmsg', 'colonyOwner', { colonyname, state: 4 }],
    ['cancelprocessgraphmsg', 'user', { processgraphid: UNKNOWN_ID }],
    [
      'addchildmsg',
      'executor',
      {
        processgraphid: workflowId,
        parentprocessid: parentId,
        childprocessid: childId,
        spec: specOf(things),
        insert: false,
      },
    ],
  ];
}

function storedRequests(things: Things): Request[] {
  const { colonyName: colonyname, functionId, fileId, snapshotId, cronId, generatorId } = things;
  const s3object = { server: 's', port: 9000, tls: true, region: 'r', object: 'o', bucket: 'b' };
  const ref = { protocol: 's3', s3object };
  const file = { colonyname, label: '/l', name: fresh('f'), size: 1, checksum: 'c', checksumalg: 'SHA256', ref };
  const workflowspec = JSON.stringify(workflowOf(things));
  const cron = {
    colonyname,
    name: fresh('c'),
    cronexpression: '0 0 1 1 * *',
    interval: -1,
    random: false,
    workflowspec,
  };
  const generator = { colonyname, name: fresh('g'), workflowspec, trigger: 100, timeout: -1 };
  return [
    ['removefunctionmsg', 'user', { functionid: functionId }],
    ['addfilemsg', 'user', { file }],
    ['getfilemsg', 'user', { colonyname, fileid: fileId, label: '/l', name: 'f', latest: true }],
    ['getfilesmsg', 'user', { colonyname, label: '/l' }],
    ['getfilelabelsmsg', 'user', { colonyname, name: '/', exact: true }],
    ['removefilemsg', 'user', { colonyname, label: '/l', name: 'victim' }],
    ['createsnapshotmsg', 'user', { colonyname, label: '/l', name: fresh('s') }],
    ['getsnapshotsmsg', 'user', { colonyname }],
    ['getsnapshotmsg', 'user', { colonyname, snapshotid: snapshotId, name: '' }],
    ['removesnapshotmsg', 'user', { colonyname, snapshotid: '', name: 'victim' }],
    ['removeallsnapshotmsg', 'user', { colonyname: 'victim' }],
    ['addcronmsg', 'user', { cron: { ...cron, waitforprevprocessgraph: true } }],
    ['getcronmsg', 'user', { cronid: cronId }],
    ['getcronsmsg', 'user', { colonyname, count: 10 }],
    ['runcronmsg', 'user', { cronid: cronId }],
    ['removecronmsg', 'user', { cronid: UNKNOWN_ID, all: false }],
    ['addgeneratormsg', 'user', { generator }],
    ['getgeneratormsg', 'user', { generatorid: generatorId }],
    ['getgeneratorsmsg', 'user', { colonyname, count: 10 }],
    ['resolvegeneratormsg', 'user', { colonyname, generatorname: 'g' }],
    ['packgeneratormsg', 'user', { generatorid: generatorId, arg: 'x' }],
    ['removegeneratormsg', 'user', { generatorid: UNKNOWN_ID, all: false }],
    ['getblueprintsmsg', 'user', { namespace: colonyname, kind: '', locationname: '' }],
    ['getblueprintdefinitionsmsg', 'user', { colonyname }],
    ['addblueprintmsg', 'user', { blueprint: {} }],
  ];
}

/** One request of every kind of message. */
export function requestsFor(things: Things): Request[] {
  return [...colonyRequests(things), ...processRequests(things), ...storedRequests(things)];
}
