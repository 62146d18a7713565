import type { Credentials, Open } from '@multigres/relay';

/** Applications come in few kinds; whoever invents a new one for each session gets one of its own. */
const kindsMax = 1000;

/**
 * What sessions open with, one for all that open alike: tens of thousands of idle sessions of one application would otherwise each keep the same names and
 * settings. Credentials are a session's own.
 */
export class SharedOpens {
  readonly #byContent: Map<string, Open> = new Map();

  share(
    user: string,
    database: string,
    settings: readonly (readonly [name: string, value: string])[],
    credentials: Credentials,
  ): Open {
    // No text of a startup packet holds a zero.
    const content = `${user}\0${database}\0${settings.map(([name, value]) => `${name}\0${value}`).join('\0')}`;
    let open = this.#byContent.get(content);
    if (open === undefined) {
      open = {
        user,
        database,
        settings,
        credentials: { kind: 'none' },
        replication: 'none',
        at: 'leader',
      };
      if (this.#byContent.size < kindsMax) this.#byContent.set(content, open);
    }
    return credentials.kind === 'none' ? open : { ...open, credentials };
  }
}
