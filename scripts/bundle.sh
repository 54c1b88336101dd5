#!/usr/bin/env bash
# Writes one folder with all that a GPU host without network needs: packed Node.js, production packages, the program, kernels, plans.
set -euo pipefail

limit=64
project=$(cd "$(dirname "$0")/.." && pwd)
out=$project/bundle
node=$(command -v node || true)
pack=xz
level=6
tests=false

usage() {
  cat <<'TEXT'
Usage: scripts/bundle.sh [--out FOLDER] [--node FILE] [--pack xz|gzip] [--fast] [--with-tests] [--limit MIB]

  --out FOLDER    where to write it (default: bundle/ in the project); an older bundle there is replaced
  --node FILE     the Node.js binary to pack (default: the one on the PATH); it must run here
  --pack xz|gzip  how to pack it; gzip is larger, but every host can unpack it (default: xz)
  --fast          pack quickly and less tightly, to try things out
  --with-tests    also what checks it on the GPU host: scripts/test-gpu.sh, scripts/measure-card.sh, the tests and vitest
  --limit MIB     fail, and write nothing, when the folder would be larger (default: 64)

Examples:
  scripts/bundle.sh
  scripts/bundle.sh --node ~/node-v22/bin/node --out /media/stick/hephaestus

Copy the folder to the GPU host, which needs only the NVIDIA driver and the libraries of CUDA, and run ./hephaestus --help in it.
TEXT
}

fail() { printf 'bundle: %s\n' "$1" >&2; [ $# -lt 2 ] || printf '  hint: %s\n' "$2" >&2; exit 2; }
value() { [ $# -ge 2 ] || fail "$1 needs a value" "see --help"; printf '%s' "$2"; }
need() { command -v "$1" >/dev/null || fail "$1 is not on the PATH" "on Debian and Ubuntu: apt-get install $2"; }
size() { find "$@" -type f -printf '%s\n' | awk '{ sum += $1 } END { printf "%d", sum }'; }
show() { awk -v name="$1" -v bytes="$2" 'BEGIN { printf "%-14s %8.2f MiB\n", name, bytes / 1048576 }'; }

check_limit() {
  [ "$(size "$staging")" -le $((limit << 20)) ] || fail "the bundle is larger than $limit MiB" "--limit allows more"
}

while [ $# -gt 0 ]; do
  case $1 in
    --out) out=$(value "$@"); shift ;;
    --node) node=$(value "$@"); shift ;;
    --pack) pack=$(value "$@"); shift ;;
    --fast) level=0 ;;
    --with-tests) tests=true ;;
    --limit) limit=$(value "$@"); shift ;;
    -h | --help) usage; exit 0 ;;
    *) fail "unknown option $1" "see --help" ;;
  esac
  shift
done
case $pack in xz) need xz xz-utils ;; gzip) need gzip gzip ;; *) fail "--pack must be xz or gzip, not $pack" ;; esac
case $limit in *[!0-9]* | "") fail "--limit must be a whole number of MiB, not $limit" ;; esac
! $tests || need xz xz-utils
need strip binutils
need readelf binutils
[ -n "$node" ] || fail "node is not on the PATH" "name a binary with --node"
[ -f "$node" ] || fail "there is no file $node" "name a Node.js binary with --node"
node=$(readlink -f "$node")
[ -d "$project/node_modules" ] || fail "node_modules is missing" "run npm ci first"
case $out in /*) ;; *) out=$PWD/$out ;; esac
if [ -e "$out" ] && [ ! -f "$out/hephaestus" ] && [ -n "$(ls -A "$out" 2>/dev/null || echo file)" ]; then
  fail "$out is there already and is no bundle" "name another folder with --out, or remove it"
fi

# Debian's own package splits Node into libraries, which would be missing on the other host.
readelf -h "$node" >/dev/null 2>&1 || fail "$node is no binary program" "name the binary itself, not a script that starts it"
foreign=$(readelf -d "$node" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vE '^(lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+|atomic)\.so|ld-)' || true)
[ -z "$foreign" ] || fail "$node needs libraries that other hosts lack: $(echo $foreign)" "take a binary from nodejs.org with --node"

staging=$out.partial-$$
trap 'rm -rf "$staging"' EXIT
mkdir -p "$staging"
cd "$project"

"$node" --import tsx scripts/bundling/packages.ts . "$staging"
check_limit
node_modules/.bin/tsc -p tsconfig.build.json --outDir "$staging/dist" --sourceMap false --declaration false ||
  fail "the program does not compile" "npx tsc -p tsconfig.json --noEmit"
"$node" scripts/copy-kernels.mjs "$staging/dist"
cp -r configs package.json README.md "$staging/"
mkdir -p "$staging/scripts" && cp scripts/torch-peer.py "$staging/scripts/"
for file in LICENSE NOTICE; do [ ! -f $file ] || cp $file "$staging/"; done

strip -o "$staging/node.stripped" "$node"
"$staging/node.stripped" --version >/dev/null || fail "$node does not run here" "name a Node.js binary of this platform with --node"
cp scripts/bundling/try-imports.mjs "$staging/"
"$staging/node.stripped" "$staging/try-imports.mjs" >/dev/null || fail "the bundle is not complete" "does scripts/bundling/packages.ts leave out too much?"
rm "$staging/try-imports.mjs"
hash=$(sha256sum "$staging/node.stripped" | cut -c1-16)
platform=$("$staging/node.stripped" -p 'process.platform + " " + process.arch')
if [ "$pack" = xz ]; then xz -T0 -$level -c "$staging/node.stripped" >"$staging/node.xz"
else gzip -n -$((level == 0 ? 1 : 9)) -c "$staging/node.stripped" >"$staging/node.gz"; fi
rm "$staging/node.stripped"
launcher() {
  sed -e "s/@NODE_HASH@/$hash/" -e "s/@PLATFORM@/$platform/" -e "s|@ENTRY@|$2|" scripts/bundling/hephaestus >"$staging/$1"
  chmod 755 "$staging/$1"
}
launcher hephaestus '"$here/dist/cli.js"'

if $tests; then
  need tar tar
  mkdir -p "$staging/unpacked" "$staging/scripts/gpu"
  "$node" --import tsx scripts/bundling/packages.ts . "$staging/unpacked" vitest
  cp -r src test vitest.gpu.config.ts tsconfig.json "$staging/unpacked/"
  # Golden files and the emulator's C++ are for tests that need no card.
  rm -rf "$staging/unpacked/test/golden" "$staging/unpacked/test/cuda/emulator/library" "$staging/unpacked/test/cuda/emulator/kernel"
  tar -C "$staging/unpacked" --sort=name --owner=0 --group=0 --mtime=@0 -c . | xz -T0 -$level -c >"$staging/tests.tar.xz"
  rm -r "$staging/unpacked"
  cp scripts/test-gpu.sh scripts/measure-card.sh "$staging/scripts/"
  cp scripts/gpu/* "$staging/scripts/gpu/"
  # Node itself, for scripts.
  launcher nodejs ''
fi

show "Node.js" "$(size "$staging/node".*)"
show "packages" "$(size "$staging/node_modules")"
show "program" "$(size "$staging/dist")"
! $tests || show "tests" "$(size "$staging/tests.tar.xz")"
show "everything" "$(size "$staging")"
check_limit
rm -rf "$out"
mv "$staging" "$out"
printf 'written to %s (Node.js %s, %s)\n' "$out" "$("$node" --version)" "$platform"
