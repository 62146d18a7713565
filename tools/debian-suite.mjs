#!/usr/bin/env node
// debian-suite.mjs SUITE DIR PACKAGE...
//
// Unpacks packages of a Debian suite, with the libraries they need, into DIR. Nothing is installed: no root, no
// maintainer scripts, the machine's own packages stay as they are. Needs Node 20 and dpkg-deb (or tar and xz).
//
//   debian-suite.mjs trixie .tools/postgres-17 postgresql-17    bin in DIR/usr/lib/postgresql/17/bin
//   debian-suite.mjs trixie .tools/etcd etcd-server etcd-client bin in DIR/usr/bin
//
// The archive is the one that this machine's apt uses; MG_DEBIAN_ARCHIVE=http://... names another. The suite's
// signature is checked with gpgv where Debian's keyring is installed, each file against the suite's SHA-256.
//
// Programs are pointed at the loader and libraries beside them, so they run on an older (or no) Debian. The loader's
// path is absolute: a DIR that was moved or copied is unpacked again. patchelf, which writes these paths, comes from
// the same suite and runs through its own loader, so that it need not be installed either.
//
// Safe to interrupt: all happens in a temporary folder beside DIR, which is renamed at the end. Safe to run twice at
// once: the second waits for the first. Progress goes to stderr; DIR/manifest.json holds what was unpacked.
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

const ARCHITECTURES = {
  x64: { debian: 'amd64', triplet: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { debian: 'arm64', triplet: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
};
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const DOWNLOADS_AT_ONCE = 6;
const ATTEMPTS_MAX = 4;
const REPLY_MS_MAX = 120_000;

// Helpers of maintainer scripts, interpreters, service managers and the JIT are not needed to run the servers.
const UNNEEDED = new RegExp(
  `^(${[
    'postgresql(-client)?-common|ssl-cert|locales.*|tzdata|debconf.*|cdebconf|perl.*|adduser|init-system-helpers',
    'libjson-perl|netbase|ucf|sysvinit-utils|lsb-base|python3.*|media-types|libllvm.*|postgresql-\\d+-jit.*|passwd',
    'dpkg|libc-bin|sensible-utils|openssl|util-linux|gcc-\\d+-base|libpam-modules.*|libpam-runtime|readline-common',
    'libdb5.*|libpam0g-dev|systemd|systemd-.*|krb5-locales|libldap-common|libsasl2-modules.*',
  ].join('|')})$`,
);

class Refusal extends Error {}
const refuse = (text) => {
  throw new Refusal(text);
};
const say = (text) => process.stderr.write(`${text}\n`);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const arch = process.platform === 'linux' ? ARCHITECTURES[process.arch] : undefined;
const inherited = { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'] };
const run = (command, ...args) => execFileSync(command, args, inherited);
const runAside = (command, ...args) =>
  new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 1 << 26 }, (error, out) => (error ? reject(error) : resolve(out)));
  });

function hasCommand(name) {
  return (process.env.PATH ?? '').split(':').some((folder) => fs.existsSync(path.join(folder || '.', name)));
}

/** Addresses of archives that apt knows, in its order, from one-line and deb822 files, `deb` before `deb-src`. */
function aptArchives() {
  const folder = '/etc/apt/sources.list.d';
  const listed = fs.existsSync(folder) ? fs.readdirSync(folder).map((name) => path.join(folder, name)) : [];
  const files = ['/etc/apt/sources.list', ...listed].filter(
    (file) => /\.(list|sources)$/.test(file) && fs.existsSync(file),
  );
  const found = { deb: [], 'deb-src': [] };
  for (const file of files) {
    const text = fs.readFileSync(file, 'utf8').replace(/^\s*#.*\n?/gm, '');
    for (const [, type, uri] of text.matchAll(/^\s*(deb|deb-src)\s+(?:\[[^\]]*\]\s+)?(https?:\/\/\S+)/gm))
      found[type].push(uri);
    for (const stanza of text.split(/\n\s*\n/)) {
      const uris = stanza.match(/^URIs:\s*(.*(?:\n\s+\S.*)*)/im)?.[1]?.match(/https?:\/\/\S+/g) ?? [];
      if (/^Enabled:\s*no/im.test(stanza)) continue;
      found[/^Types:.*\bdeb(?!-)/im.test(stanza) ? 'deb' : 'deb-src'].push(...uris);
    }
  }
  const all = [...found.deb, ...found['deb-src']].map((uri) => uri.replace(/\/+$/, ''));
  return [...new Set(all)].filter((uri) => !uri.includes('security'));
}

/** One file over HTTP, with retries. Undefined where the server says that there is none. */
async function download(address) {
  for (let attempt = 1; ; attempt++) {
    try {
      const reply = await fetch(address, { signal: AbortSignal.timeout(REPLY_MS_MAX) });
      if (reply.ok) return Buffer.from(await reply.arrayBuffer());
      if (reply.status === 404 || reply.status === 403 || reply.status === 410) return undefined;
      throw new Error(`the server answered ${reply.status}`);
    } catch (error) {
      const reason = error.cause?.message ?? error.message;
      if (attempt === ATTEMPTS_MAX) throw new Refusal(`cannot download ${address}: ${reason}`, { cause: error });
      await pause(250 * 2 ** attempt * (0.5 + Math.random()));
    }
  }
}

async function downloadChecked(address, sha256) {
  const bytes = (await download(address)) ?? refuse(`${address} is missing from the archive`);
  const actual = createHash('sha256').update(bytes).digest('hex');
  return actual === sha256 ? bytes : refuse(`${address} has the checksum ${actual} instead of ${sha256}`);
}

/** The signed table of contents of the suite, from the first archive that has it. */
async function release(suite, scratch) {
  const named = process.env.MG_DEBIAN_ARCHIVE?.replace(/\/+$/, '');
  const archives = named ? [named] : aptArchives();
  if (archives.length === 0)
    refuse('apt has no archive configured; set MG_DEBIAN_ARCHIVE to the address of a Debian archive');
  let failure = `none of ${archives.join(', ')} has the suite "${suite}"`;
  for (const base of archives) {
    const bytes = await download(`${base}/dists/${suite}/InRelease`).catch((error) => void (failure = error.message));
    if (bytes === undefined || !/^Origin: Debian$/m.test(bytes.toString())) continue;
    verifySignature(bytes, base, scratch);
    return { base, text: bytes.toString() };
  }
  return refuse(`${failure}; MG_DEBIAN_ARCHIVE can name the address of another Debian archive`);
}

function verifySignature(bytes, base, scratch) {
  if (!hasCommand('gpgv') || !fs.existsSync(KEYRING)) {
    say(`the signature of ${base} is not checked: gpgv or ${KEYRING} is missing`);
    return;
  }
  const file = path.join(scratch, 'InRelease');
  fs.writeFileSync(file, bytes);
  let status = '';
  try {
    status = run('gpgv', '--status-fd', '1', '--keyring', KEYRING, file).toString();
  } catch (error) {
    // One unknown key beside a known one is how Debian changes keys: any good signature will do, a bad one never.
    status = String(error.stdout);
  }
  if (/^\[GNUPG:\] BADSIG /m.test(status)) refuse(`${base}/dists has a bad signature`);
  if (!/^\[GNUPG:\] VALIDSIG /m.test(status))
    refuse(`${base}/dists is signed by no key of ${KEYRING}; update debian-archive-keyring`);
}

/** All packages of the suite by name, and who provides which virtual one. */
async function packageIndex({ base, text }, suite) {
  const name = `main/binary-${arch.debian}/Packages.gz`;
  const checksums = text.slice(text.indexOf('\nSHA256:'));
  const sha256 =
    checksums.match(new RegExp(`^ ([0-9a-f]{64}) +\\d+ ${name}$`, 'm'))?.[1] ?? refuse(`${suite} has no ${name}`);
  // By hash first: the plain name may be replaced between our two requests when the archive is updated.
  const folder = `${base}/dists/${suite}/main/binary-${arch.debian}`;
  const byHash = await download(`${folder}/by-hash/SHA256/${sha256}`);
  const intact = byHash !== undefined && createHash('sha256').update(byHash).digest('hex') === sha256;
  const bytes = intact ? byHash : await downloadChecked(`${folder}/Packages.gz`, sha256);
  const packages = new Map();
  const providers = new Map();
  for (const block of gunzipSync(bytes).toString().split('\n\n')) {
    const fields = Object.fromEntries(
      [...block.matchAll(/^([A-Za-z0-9-]+): (.*)$/gm)].map(([, key, value]) => [key, value]),
    );
    if (fields.Package === undefined) continue;
    packages.set(fields.Package, fields);
    for (const provided of (fields.Provides ?? '').split(','))
      providers.set(provided.trim().split(' ')[0], fields.Package);
  }
  return { packages, providers };
}

/** The packages asked for and all that they depend on, less what only installing would need. */
function closure({ packages, providers }, roots) {
  const wanted = new Set();
  const queue = [...roots];
  while (queue.length > 0) {
    const asked = queue.pop();
    const name = packages.has(asked) ? asked : providers.get(asked);
    if (name === undefined && roots.includes(asked)) refuse(`the suite has no package "${asked}"`);
    if (name === undefined || wanted.has(name) || (UNNEEDED.test(name) && !roots.includes(name))) continue;
    wanted.add(name);
    for (const clause of (packages.get(name).Depends ?? '').split(',')) {
      const first = clause.split('|')[0].trim().split(/[ :]/)[0];
      if (first) queue.push(first);
    }
  }
  return [...wanted].sort((a, b) => (a < b ? -1 : 1));
}

async function unpack(names, { packages }, base, scratch, into) {
  fs.mkdirSync(into, { recursive: true });
  const waiting = [...names];
  const worker = async () => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      const { Filename, SHA256 } = packages.get(name);
      const file = path.join(scratch, `${name}.deb`);
      fs.writeFileSync(file, await downloadChecked(`${base}/${Filename}`, SHA256));
      await unpackDeb(file, into);
      fs.rmSync(file);
    }
  };
  await Promise.all(Array.from({ length: DOWNLOADS_AT_ONCE }, worker));
}

async function unpackDeb(file, into) {
  if (hasCommand('dpkg-deb')) return runAside('dpkg-deb', '-x', file, into);
  if (!hasCommand('tar') || !hasCommand('xz')) refuse('unpacking needs dpkg-deb, or tar and xz');
  const data = `${file}.data.tar.xz`;
  fs.writeFileSync(data, memberOfAr(fs.readFileSync(file), 'data.tar.xz'));
  await runAside('tar', '--no-same-owner', '-xJf', data, '-C', into);
  fs.rmSync(data);
}

/** A .deb is an ar archive: an 8-byte mark, then per member a 60-byte header and its bytes, padded to even (deb(5)). */
function memberOfAr(bytes, wanted) {
  for (let at = 8; at + 60 <= bytes.length;) {
    const name = bytes
      .toString('latin1', at, at + 16)
      .trim()
      .replace(/\/$/, '');
    const size = Number(bytes.toString('latin1', at + 48, at + 58));
    if (name === wanted) return bytes.subarray(at + 60, at + 60 + size);
    at += 60 + size + (size % 2);
  }
  return refuse(`the package holds no ${wanted}`);
}

const filesBelow = (folder) =>
  fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const at = path.join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(at) : entry.isFile() ? [at] : [];
  });

function isElf(file) {
  const head = Buffer.alloc(4);
  const fd = fs.openSync(file);
  fs.readSync(fd, head, 0, 4, 0);
  fs.closeSync(fd);
  return head.toString('latin1') === '\x7fELF';
}

/** Points each program and plug-in at the libraries beside it (relative) and at its final loader (absolute). */
async function rewire(tree, final, patcher) {
  const libraries = path.join('usr/lib', arch.triplet);
  const loader = `${patcher}/${libraries}/${arch.loader}`;
  const patchelf = [loader, '--library-path', `${patcher}/${libraries}`, `${patcher}/usr/bin/patchelf`];
  const places = ['usr/lib/postgresql', 'usr/sbin', 'usr/bin'].map((place) => path.join(tree, place));
  for (const file of places
    .filter((place) => fs.existsSync(place))
    .flatMap(filesBelow)
    .filter(isElf)) {
    const up = path.relative(path.dirname(file), path.join(tree, libraries));
    const interpreter = /\.so\b/.test(path.basename(file))
      ? []
      : ['--set-interpreter', path.join(final, libraries, arch.loader)];
    try {
      await runAside(
        patchelf[0],
        ...patchelf.slice(1),
        ...interpreter,
        '--force-rpath',
        '--set-rpath',
        `$ORIGIN/${up}`,
        file,
      );
    } catch (error) {
      // Go programs may be linked statically: they have nothing to rewire.
      if (!/interp|\.dynamic|section/.test(String(error.stderr ?? error.message))) throw error;
    }
  }
}

/** Newer suites reach /lib through links that some packages bring as folders: one place for all libraries. */
function gatherLibraries(tree) {
  const target = path.join(tree, 'usr/lib', arch.triplet);
  const plain = path.join(tree, 'lib', arch.triplet);
  if (!fs.existsSync(plain) || fs.realpathSync(plain) === fs.realpathSync(target)) return;
  for (const name of fs.readdirSync(plain)) fs.renameSync(path.join(plain, name), path.join(target, name));
}

function removeDeadWeight(tree) {
  for (const folder of ['usr/share/doc', 'usr/share/man', 'usr/share/lintian', 'usr/share/locale', 'usr/share/bug']) {
    fs.rmSync(path.join(tree, folder), { recursive: true, force: true });
  }
  // Without LLVM beside it llvmjit.so makes some queries fail; without llvmjit.so there is no JIT.
  for (const file of filesBelow(path.join(tree, 'usr/lib')).filter((f) => /\/lib\/(llvmjit\.so|bitcode\/)/.test(f)))
    fs.rmSync(file);
}

/** One process at a time per DIR: an abstract socket, so that the lock dies with its holder. */
async function withLock(dir, work) {
  const name = `\0multigres-tools-${createHash('sha256').update(dir).digest('hex').slice(0, 32)}`;
  for (let told = false; ;) {
    const held = await new Promise((resolve, reject) => {
      const server = net.createServer();
      server.on('error', (error) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
      server.listen(name, () => resolve(server));
    });
    if (held !== undefined) return work().finally(() => held.close());
    if (!told) say(`another process is fetching ${dir}: waiting for it`);
    told = true;
    await pause(200);
  }
}

/** What DIR/manifest.json says, if it describes this DIR and these packages. */
function manifestOf(dir, roots) {
  try {
    const manifest = JSON.parse(fs.readFileSync(path.join(dir, 'manifest.json'), 'utf8'));
    return manifest.dir === dir && roots.every((root) => root in manifest.packages) ? manifest : undefined;
  } catch {
    return undefined;
  }
}

/** Creates the missing folders so that all users may enter them, whatever the umask is. */
function makeReadable(folder) {
  if (fs.existsSync(folder)) return;
  makeReadable(path.dirname(folder));
  fs.mkdirSync(folder, { recursive: true });
  fs.chmodSync(folder, 0o755);
}

/** Best effort: a dpkg-deb that outlived its interrupted parent may still be writing; the next run removes the rest. */
function discard(folder) {
  try {
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3, retryDelay: 100 });
  } catch {
    say(`left ${folder} behind for the next run to remove`);
  }
}

async function fetchInto(suite, dir, roots) {
  if (manifestOf(dir, roots) !== undefined) return;
  const parent = path.dirname(dir);
  const prefix = `.${path.basename(dir)}.partial-`;
  // We hold the lock: whatever still has such a name was left by a process that died.
  for (const name of fs.readdirSync(parent)) if (name.startsWith(prefix)) discard(path.join(parent, name));
  const scratch = fs.mkdtempSync(path.join(parent, prefix));
  const clear = () => discard(scratch);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => (clear(), process.exit(130)));
  try {
    const tree = path.join(scratch, 'tree');
    const found = await release(suite, scratch);
    const index = await packageIndex(found, suite);
    const names = closure(index, roots);
    say(`fetching ${roots.join(', ')} from Debian ${suite}: ${names.length} packages`);
    await unpack(names, index, found.base, scratch, tree);
    await unpack(closure(index, ['patchelf']), index, found.base, scratch, path.join(scratch, 'patchelf'));
    gatherLibraries(tree);
    gatherLibraries(path.join(scratch, 'patchelf'));
    removeDeadWeight(tree);
    await rewire(tree, dir, path.join(scratch, 'patchelf'));
    const packages = Object.fromEntries(names.map((name) => [name, index.packages.get(name).Version]));
    fs.writeFileSync(path.join(tree, 'manifest.json'), `${JSON.stringify({ suite, dir, packages }, undefined, 2)}\n`);
    // Servers run as another user than root: all must be able to read, whatever the umask was.
    run('chmod', '-R', 'u+rwX,go+rX', tree);
    fs.rmSync(dir, { recursive: true, force: true });
    fs.renameSync(tree, dir);
  } finally {
    clear();
  }
}

try {
  const [suite, folder, ...roots] = process.argv.slice(2);
  if (!suite || !folder || roots.length === 0) refuse('usage: debian-suite.mjs SUITE DIR PACKAGE...');
  if (arch === undefined)
    refuse(`Debian's packages run on Linux on x64 or arm64, not on ${process.platform} on ${process.arch}`);
  makeReadable(path.dirname(path.resolve(folder)));
  const dir = path.join(fs.realpathSync(path.dirname(path.resolve(folder))), path.basename(folder));
  await withLock(dir, () => fetchInto(suite, dir, roots));
} catch (error) {
  say(error instanceof Refusal ? `debian-suite: ${error.message}` : error.stack);
  process.exitCode = 1;
}
