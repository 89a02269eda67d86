import { defineCommand } from '../command.ts';
import { serverKey } from '../framework/global-options.ts';
import { tableReport } from '../framework/report.ts';

/** `colonies cluster info` */
export const clusterInfo = defineCommand({
  describe: 'List the servers that work together, and which of them leads; needs the key of the server',
  details: 'The embedded server works alone: it is the one in the list.',
  options: serverKey,
  examples: [['cluster info', 'the servers of a cluster of official servers']],
  async run(args, context) {
    const { Cluster } = await import('../../colony/messages/colonies.ts');
    const { toWire } = await import('../views/wire.ts');
    const { client } = await context.connect('server', args);
    const cluster = await client.getCluster({});
    return tableReport(
      toWire(Cluster, cluster),
      [
        { title: 'NAME' },
        { title: 'HOST', shrinks: true },
        { title: 'API PORT' },
        { title: 'PORT' },
        { title: 'PEER PORT' },
        { title: 'RELAY PORT' },
        { title: 'LEADER' },
      ],
      cluster.nodes.map((node) => [
        node.name,
        node.host,
        ...[node.apiPort, node.port, node.peerPort, node.relayPort].map(String),
        node.name === cluster.leader.name ? 'yes' : 'no',
      ]),
      'No servers found',
    );
  },
});
