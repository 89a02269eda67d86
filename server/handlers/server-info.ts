import { getCluster, getServerInfo, getStatistics, getVersion } from '../../colony/messages/colonies.ts';
import { faultTexts, type Handler, reads, readsUnsigned } from '../handler.ts';
import { serverOwner } from '../roles.ts';
import { countServer } from '../store/statistics.ts';

/** What the server says of itself. */
export const serverInfoHandlers: readonly Handler[] = [
  readsUnsigned({
    message: getVersion,
    texts: faultTexts('Failed to get server version'),
    replyType: getVersion.type,
    handle: (_request, _subject, { facts }) => ({
      buildVersion: facts.version,
      buildTime: facts.startedAt.toISOString(),
    }),
  }),
  readsUnsigned({
    message: getServerInfo,
    texts: faultTexts('Failed to get server info'),
    handle: (_request, _subject, { facts }) => ({
      buildVersion: facts.version,
      buildTime: facts.startedAt.toISOString(),
      backends: [
        {
          type: 'http',
          port: facts.port(),
          host: facts.host,
          tls: facts.tls ? true : undefined,
          insecure: undefined,
        },
      ],
      deduplicates: true,
      blobs: true,
      batches: true,
    }),
  }),
  reads({
    message: getCluster,
    texts: faultTexts('Failed to get cluster info'),
    role: serverOwner,
    handle(_request, _subject, { facts }) {
      const self = { name: 'server', host: facts.host, port: 0, peerPort: 0, relayPort: 0, apiPort: facts.port() };
      return { nodes: [self], leader: self };
    },
  }),
  reads({
    message: getStatistics,
    texts: faultTexts('Failed to get statistics', 'Failed to get server version'),
    role: serverOwner,
    handle: (_request, _subject, { database }) => countServer(database),
  }),
];
