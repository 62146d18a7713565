import {
  consoleTopic,
  decodeConsoleCommand,
  decodeViewAsked,
  encodeRemark,
  encodeTable,
  type Topics,
} from '@multigres/relay';
import { consoleCommandDenied, consoleCommandNotKnown, consoleInTransaction } from '../errors.ts';
import { obey, runCommand, type CommandedGateway } from './commands.ts';
import type { ConsoleConfig } from './console-config.ts';
import type { ConsoleSettings } from './console-settings.ts';
import { gatewayTable, type ShownGateway } from './gateway-tables.ts';
import { Hub, type HubParts } from './hub.ts';
import type { Outcome } from './outcome.ts';
import type { ConsoleStatement, SelectItem } from './statement.ts';
import { version } from './version.ts';
import { showView } from './views.ts';

/** Who asks, and where he stands. */
export interface ConsoleUser {
  readonly user: string;
  readonly database: string;
  readonly mayCommand: boolean;
  readonly inTransaction: boolean;
  readonly settings: ConsoleSettings;
}

/** The admin console of a gateway: what all sessions at it share. */
export class Console {
  /** For who comes from now on. */
  config: ConsoleConfig;
  readonly #gateway: ShownGateway & CommandedGateway;
  readonly #hub: Hub;

  constructor(config: ConsoleConfig, gateway: ShownGateway & CommandedGateway, ask: HubParts['ask']) {
    this.config = config;
    this.#gateway = gateway;
    this.#hub = new Hub({ own: (name) => gatewayTable(gateway, name), ask });
  }

  /** Lets other gateways' consoles ask this gateway, also if it has none of its own. */
  answer(topics: Topics): void {
    topics.on(consoleTopic.view, (body) => encodeTable(gatewayTable(this.#gateway, decodeViewAsked(body))));
    topics.on(consoleTopic.command, async (body) => {
      const command = decodeConsoleCommand(body);
      if (command === undefined) throw consoleCommandNotKnown('unknown');
      return encodeRemark(await obey(command, this.#gateway));
    });
  }

  /** Runs one statement; all but those about transactions, which are the session's own. Throws a PgError. */
  async run(statement: Exclude<ConsoleStatement, { readonly kind: 'transaction' }>, by: ConsoleUser): Promise<Outcome> {
    switch (statement.kind) {
      case 'view': {
        const { rows, notices } = await showView(statement.view, this.#hub, this.#gateway.id);
        return { tag: 'SHOW', rows, notices };
      }
      case 'command': {
        const { verb, target, tag } = statement;
        if (!by.mayCommand) throw consoleCommandDenied(tag);
        // It could not be rolled back.
        if (by.inTransaction) throw consoleInTransaction(tag);
        const notices = await runCommand({ verb, ...(target !== undefined && { target }) }, this.#gateway, this.#hub);
        return { tag, notices };
      }
      case 'showSetting':
        return { tag: 'SHOW', rows: [[by.settings.show(statement.name)]] };
      case 'set':
        return {
          tag: statement.value === undefined ? 'RESET' : 'SET',
          told: by.settings.set(statement.name, statement.value),
        };
      case 'select':
        return { tag: 'SELECT 1', rows: [statement.items.map((item) => selected(item, by))] };
      case 'nothing':
        return { tag: statement.tag };
    }
  }
}

function selected({ value }: SelectItem, { user, database }: ConsoleUser): string | null {
  if ('number' in value) return value.number;
  if ('text' in value) return value.text;
  switch (value.call) {
    case 'version':
      return `Multigres ${version} console`;
    case 'current_database':
      return database;
    case 'current_schema':
      return null;
    case 'current_user':
    case 'session_user':
      return user;
  }
}
