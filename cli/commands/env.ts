import { type Command, parse, print, printJson } from '../command.ts';
import { CLUSTER_OPTION, namedCluster } from '../connection.ts';

export const envCommand: Command = {
  name: 'env',
  summary: 'what to put into the environment of Spark programs',
  usage: `quarry env [--cluster DIR] [--json]
    eval "$(quarry env)" lets PySpark find the cluster through SPARK_REMOTE`,
  async run(args) {
    const { values } = parse('env', args, { ...CLUSTER_OPTION, json: { type: 'boolean', default: false } });
    const { directory, file } = namedCluster(values.cluster);
    const variables = { QUARRY_CLUSTER: directory, SPARK_REMOTE: file.driver.connect };
    if (values.json) printJson(variables);
    else
      for (const [name, value] of Object.entries(variables))
        print(`export ${name}='${value.replaceAll("'", "'\\''")}'`);
    return 0;
  },
};
