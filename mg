#!/bin/sh
# The front door. Needs Node 20 and npm; brings everything else on first use, pinned by pnpm-lock.yaml.
# Works from any folder, and leaves the process to the real program so that signals reach it.
set -eu

here=$0
case $here in */*) ;; *) here=./$here ;; esac
while [ -L "$here" ]; do
  link=$(readlink "$here")
  case $link in /*) here=$link ;; *) here=${here%/*}/$link ;; esac
done
root=$(CDPATH='' cd -- "${here%/*}" && pwd -P)
pnpm_version=12.21.0

help() {
  cat <<'HELP'
Multigres: many Postgres servers look like one, and no acknowledged write is lost.

usage: ./mg COMMAND [ARGUMENTS]

  run it
    up             start a whole local cluster in a folder and print how to connect
    down           stop it; data stays
    restart        restart every process in turn, without an error for clients
    status         show what runs where (--json for programs)
    psql           open psql through the gateway
    proxy          put gateway and pooler in front of a Postgres you already have
    config         check a configuration file: ./mg config check FILE
    shard          see how the shard is kept; switch over, fail over, add and remove members
    topo           look at the topology store
  work on it
    test           run everything: checks, tests, the simulator, planted bugs
    check          lint, types, imports, ambient state and docs, without the tests
    fmt            format the code
    chaos          hurt a real cluster and see what clients were told: ./mg chaos --minutes 5
    sim            run the cluster in the simulator: ./mg sim --seed 1
    bench          measure it
    fuzz           break the protocol and see who notices: ./mg fuzz --minutes 5
    tools NAME...  fetch Postgres, etcd and others ahead of their use

./mg COMMAND --help tells more.
HELP
}

# pnpm writes this file at the end of each install: a lockfile that is newer has not been installed yet.
is_installed() {
  [ -x "$root/node_modules/.bin/node" ] && [ -f "$root/node_modules/.pnpm-workspace-state-v1.json" ] &&
    [ ! "$root/pnpm-lock.yaml" -nt "$root/node_modules/.pnpm-workspace-state-v1.json" ]
}

install() {
  for need in node npx; do
    command -v "$need" >/dev/null || {
      echo "mg: $need is not installed; Multigres needs Node 20 or newer with npm" >&2
      exit 1
    }
  done
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 20 ] || {
    echo "mg: node $(node --version) is too old; Multigres needs Node 20 or newer to install its own" >&2
    exit 1
  }
  mkdir -p "$root/node_modules"
  # One at a time: whoever comes second finds everything in place.
  if command -v flock >/dev/null; then
    exec 9<"$root/mg"
    flock 9
    if is_installed; then
      exec 9<&-
      return
    fi
  fi
  echo "mg: installing the toolchain (once, about 20 s)" >&2
  log=$root/node_modules/.mg-install.log
  # A pnpm that waits for answers would wait for ever: no stdin, CI=true.
  (cd "$root" && CI=true npx --yes --prefer-offline "pnpm@$pnpm_version" install --frozen-lockfile </dev/null >"$log" 2>&1) || {
    cat "$log" >&2
    echo "mg: the toolchain could not be installed; what went wrong stands above" >&2
    exit 1
  }
  [ -x "$root/node_modules/.bin/node" ] || {
    echo "mg: there is no Node for this machine among the optional dependencies in package.json" >&2
    exit 1
  }
  if command -v flock >/dev/null; then exec 9<&-; fi
}

# Programs that we start (vitest, tsc, oxlint) find the pinned node first.
run() {
  program=$root/$1
  shift
  [ -f "$program" ] || {
    echo "mg: ${program#"$root"/} does not exist yet" >&2
    exit 2
  }
  is_installed || install
  PATH=$root/node_modules/.bin:$PATH
  export PATH
  # Stripping types and compiling costs a quarter of a second and 30 MB in each process; what one has done, the next finds.
  NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$root/node_modules/.cache/node-compile}
  export NODE_COMPILE_CACHE
  # shellcheck disable=SC2086 # words
  exec "$root/node_modules/.bin/node" ${node_flags:-} --conditions=@multigres/source "$program" "$@"
}

command=${1:-}
case $command in
  '')
    help >&2
    exit 2
    ;;
  help | -h | --help) help ;;
  up | down | restart | status | psql | proxy | config | shard | topo | chaos | gateway | pooler | pgctld | orch)
    # Servers relay bytes that die young: a small nursery costs them nothing measurable and saves some 20 MB each.
    node_flags=--max-semi-space-size=4
    run packages/cli/src/main.ts "$@"
    ;;
  version | --version) run packages/cli/src/main.ts --version ;;
  sim | bench | fuzz)
    shift
    run "packages/$command/src/main.ts" "$@"
    ;;
  test | check)
    shift
    run "ci/$command.ts" "$@"
    ;;
  fmt)
    shift
    run ci/fmt.ts "$@"
    ;;
  tools)
    shift
    run packages/host/src/toolbox/main.ts "$@"
    ;;
  *)
    echo "mg: there is no command \"$command\"" >&2
    echo >&2
    help >&2
    exit 2
    ;;
esac
