#!/usr/bin/env bash
# Builds the native addon of @tensorflow/tfjs-node (or -gpu) against an installed TensorFlow pip wheel.
#
# The prebuilt addon is frozen on TensorFlow 2.9 and CUDA 11.2. The binding's C++ sources inside the npm package still compile against
# today's TensorFlow, whose wheel carries headers and libraries; that is how a CUDA 12 machine or a Hopper card gets a working package.
# Needs: g++, npm, and a Python with `tensorflow` (CUDA) or `tensorflow-cpu` installed.
set -euo pipefail

package_version=4.22.0
headers_version=1.9.0   # node-api-headers: the C headers of Node-API, used when Node's own are not installed
python=${PYTHON:-python3}
flavour=tfjs-node
force=no

usage() {
  cat <<'TEXT'
Usage: scripts/link-tensorflow.sh [--gpu] [--python PATH] [--force]

  --gpu           build @tensorflow/tfjs-node-gpu instead of @tensorflow/tfjs-node
  --python PATH   the Python that has TensorFlow installed (default: $PYTHON, else python3)
  --force         compile again even if the addon is newer than its inputs

Examples:
  python3 -m venv .venv && .venv/bin/pip install tensorflow-cpu
  scripts/link-tensorflow.sh --python .venv/bin/python

  .venv/bin/pip install 'tensorflow[and-cuda]'
  scripts/link-tensorflow.sh --gpu --python .venv/bin/python

Afterwards `engine: { kind: auto }` in a plan finds the addon by itself. Remove it with:
  npm uninstall --no-save @tensorflow/tfjs-node
TEXT
}

fail() { printf 'link-tensorflow: %s\n' "$1" >&2; [ $# -lt 2 ] || printf '  hint: %s\n' "$2" >&2; exit 2; }
say() { printf '%s\n' "$1"; }

while [ $# -gt 0 ]; do
  case $1 in
    --gpu) flavour=tfjs-node-gpu ;;
    --python) [ $# -ge 2 ] || fail "--python needs a path" "see --help"; python=$2; shift ;;
    --force) force=yes ;;
    -h | --help) usage; exit 0 ;;
    *) fail "unknown option $1" "see --help" ;;
  esac
  shift
done

cd "$(dirname "$0")/.."
command -v npm >/dev/null || fail "npm is not on the PATH" "install Node.js 20 or newer"
compiler=${CXX:-g++}
command -v "$compiler" >/dev/null || fail "no C++ compiler ($compiler)" "on Debian and Ubuntu: apt-get install g++"
command -v "$python" >/dev/null || fail "no Python at '$python'" "name one with --python"

# find_spec does not import TensorFlow, which would take seconds.
tensorflow=$("$python" -c 'import importlib.util as u; s = u.find_spec("tensorflow"); print(s.submodule_search_locations[0] if s else "")') ||
  fail "'$python' does not run"
[ -n "$tensorflow" ] || fail "TensorFlow is not installed for '$python'" "$python -m pip install tensorflow-cpu   (or 'tensorflow[and-cuda]' with --gpu)"
for file in libtensorflow_cc.so.2 libtensorflow_framework.so.2 include/tensorflow/c/eager/c_api.h; do
  [ -e "$tensorflow/$file" ] || fail "this TensorFlow has no $file" "use the Linux wheel from pip, version 2.10 or newer; found $tensorflow"
done

folder=node_modules/@tensorflow/$flavour
if [ ! -f "$folder/binding/tfjs_binding.cc" ]; then
  say "Installing @tensorflow/$flavour $package_version without its download step ..."
  npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error "@tensorflow/$flavour@$package_version"
fi

headers=$(node -p 'require("node:path").resolve(process.execPath, "../../include/node")')
[ -f "$headers/node_api.h" ] || headers=/usr/include/node
if [ ! -f "$headers/node_api.h" ]; then
  headers=$PWD/.cache/node-api-headers/package/include
  if [ ! -f "$headers/node_api.h" ]; then
    say "Fetching the Node-API headers $headers_version ..."
    mkdir -p .cache/node-api-headers
    npm pack --silent --pack-destination .cache/node-api-headers "node-api-headers@$headers_version" >/dev/null ||
      fail "cannot fetch node-api-headers" "install Node's headers (Debian: libnode-dev) or check npm's registry settings"
    tar -xzf ".cache/node-api-headers/node-api-headers-$headers_version.tgz" -C .cache/node-api-headers
  fi
fi

# node-pre-gyp looks for the highest Node-API version that both sides know; the package lists versions up to 8.
addon=$folder/lib/napi-v8/tfjs_binding.node
stamp="$("$compiler" --version | head -n 1); $tensorflow; $(stat -c %Y "$tensorflow/libtensorflow_framework.so.2")"
if [ "$force" = no ] && [ -f "$addon" ] && [ "$(cat "$addon.stamp" 2>/dev/null)" = "$stamp" ]; then
  say "The addon is up to date: $addon"
else
  say "Compiling the binding against $tensorflow ..."
  mkdir -p "$(dirname "$addon")"
  "$compiler" -O2 -std=c++17 -fPIC -shared -DNAPI_VERSION=8 \
    -I"$folder/binding" -I"$headers" -I"$tensorflow/include" \
    "$folder/binding/tfjs_backend.cc" "$folder/binding/tfjs_binding.cc" -o "$addon.partial" \
    -L"$tensorflow" -l:libtensorflow_cc.so.2 -l:libtensorflow_framework.so.2 -Wl,-rpath,"$tensorflow"
  mv "$addon.partial" "$addon"
  printf '%s\n' "$stamp" >"$addon.stamp"
fi

TF_CPP_MIN_LOG_LEVEL=3 node scripts/check-tensorflow.cjs "@tensorflow/$flavour"
