import { spawn, type ChildProcess } from 'node:child_process';

/**
 * What it is told: `add GROUP`, `drop GROUP`, `done`. When its input ends without `done`, we were killed: then it ends the process groups and
 * removes the folder. In sh, because it must cost nothing while it waits.
 */
const script = `
trap '' INT TERM HUP
groups=' '
while read -r word value; do
  case $word in
    add) groups="$groups$value " ;;
    drop) groups="\${groups%% $value *} \${groups#* $value }" ;;
    done) exit 0 ;;
  esac
done
for group in $groups; do kill -INT "-$group" 2>/dev/null; done
sleep 2
for group in $groups; do kill -KILL "-$group" 2>/dev/null; done
rm -rf "$1"
`;

/** Cleans up after us when we cannot do so ourselves any more. */
export class Watchdog {
  readonly #child: ChildProcess;

  /** `folder` is removed in the end. */
  constructor(folder: string) {
    this.#child = spawn('/bin/sh', ['-c', script, 'sh', folder], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#child.on('error', () => undefined);
    this.#child.stdin?.on('error', () => undefined);
    this.#child.unref();
  }

  add(group: number): void {
    this.#tell(`add ${group}`);
  }

  /** It has ended: its number may soon be another's. */
  drop(group: number): void {
    this.#tell(`drop ${group}`);
  }

  done(): void {
    this.#tell('done');
    this.#child.stdin?.end();
  }

  #tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }
}
