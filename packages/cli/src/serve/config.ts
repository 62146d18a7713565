import { Command } from 'commander';
import { loadConfigFile } from './config-file/config-file.ts';

/** `multigres config`: looks at a configuration file without using it. */
export function configCommand(): Command {
  const command = new Command('config').description('look at a configuration file');
  command
    .command('check')
    .argument('<file>', 'the configuration file')
    .description('say what is wrong with it, or that nothing is')
    .action((file: string) => {
      loadConfigFile(file);
      process.stdout.write(`${file} is valid\n`);
    });
  return command;
}
