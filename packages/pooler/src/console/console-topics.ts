import {
  consoleTopic,
  decodeConsoleCommand,
  decodeViewAsked,
  encodeRemark,
  encodeTable,
  type BodyReader,
  type Topics,
} from '@multigres/relay';
import { commandNotKnown, viewNotKnown } from '../errors.ts';
import { poolerTables } from './tables.ts';
import type { PoolerCommands, PoolerViews } from './views.ts';

/** Lets gateways show and do what their users of the admin console ask for. */
export function answerConsole(topics: Topics, views: PoolerViews, commands: PoolerCommands): void {
  topics.on(consoleTopic.view, (body) => {
    const name = decodeViewAsked(body);
    const table = poolerTables.get(name);
    if (table === undefined) throw viewNotKnown(name);
    return encodeTable(table(views));
  });
  topics.on(consoleTopic.command, async (body) => {
    await obey(body, commands);
    return encodeRemark('');
  });
}

async function obey(body: BodyReader, commands: PoolerCommands): Promise<void> {
  const command = decodeConsoleCommand(body);
  switch (command?.verb) {
    case 'pause':
    case 'resume':
    case 'kill':
    case 'reconnect': {
      const run = commands[command.verb];
      if (run === undefined) throw commandNotKnown(command.verb);
      return await run(command.target);
    }
    case 'reload':
      if (commands.reload === undefined) throw commandNotKnown(command.verb);
      return await commands.reload();
    default:
      throw commandNotKnown(command?.verb ?? 'unknown');
  }
}
