#!/usr/bin/env bash
# Tests on this machine's NVIDIA card, in the project or in a bundle made with --with-tests (scripts/bundle.sh).
set -uo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
known="contract kernels real figures sanitizer"
lanes=$known
cold_limit=20
cached_limit=3
# About 124M parameters; 4096 tokens.
figure_shape=width=768,layers=12,heads=12,ff=2048,vocab=50304,tied=1,length=1024,batch=4
# To try the lanes out where a card is emulated.
if [ "${HEPHAESTUS_GPU_SIZES:-}" = small ]; then
  figure_shape=width=32,layers=1,heads=2,ff=48,vocab=64,length=16,batch=1
fi

usage() {
  cat <<'TEXT'
Usage: scripts/test-gpu.sh [LANE...]

Lanes, all of them by default:
  contract   the engine's contract in float32 and in bf16, the same bits twice
  kernels    the kernels' own cases, at odd sizes, against float64
  real       every operation at the sizes of real models, against PyTorch (HEPHAESTUS_PYTHON, by default python3)
  figures    the first step of a 124M model: with nothing compiled at most 20 s, with everything kept at most 3 s
  sanitizer  compute-sanitizer over a small training: memcheck, racecheck, initcheck

Ends with 1 when a lane failed, with 77 when there is no card and nothing was tested, else with 0; a lane that was skipped says why.
TEXT
}

fail() { printf 'test-gpu: %s\n' "$1" >&2; [ $# -lt 2 ] || printf '  hint: %s\n' "$2" >&2; exit 2; }
say() { printf '== %s\n' "$1"; }

case ${1:-} in -h | --help) usage; exit 0 ;; esac
if [ $# -gt 0 ]; then
  for lane in "$@"; do case " $known " in *" $lane "*) ;; *) fail "there is no lane $lane" "see --help" ;; esac; done
  lanes=$*
fi

cd "$root" || exit 2
node=node
[ ! -x "$root/nodejs" ] || node=$root/nodejs
[ -f dist/cli.js ] || fail "dist/ is missing" "npm run build"

# A bundle carries the tests packed.
if [ -f tests.tar.xz ] && [ ! -d test ]; then
  say "unpacking the tests (once)"
  if command -v xz >/dev/null; then xz -dc tests.tar.xz | tar -x
  else python3 -c 'import tarfile; tarfile.open("tests.tar.xz").extractall(".")'
  fi || fail "the tests cannot be unpacked"
fi
[ -f node_modules/vitest/vitest.mjs ] || fail "vitest is missing" "npm ci, or a bundle made with --with-tests"

card=$("$node" scripts/gpu/probe.mjs)
status=$?
if [ $status -eq 77 ]; then
  printf 'SKIPPED, nothing was tested: %s\n' "$card"
  exit 77
fi
[ $status -eq 0 ] || fail "the card cannot be asked" "$card"
say "$card"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

tests() { "$node" node_modules/vitest/vitest.mjs run --config vitest.gpu.config.ts "$@"; }

lane_contract() { tests test/gpu/contract.test.ts test/gpu/bf16.test.ts; }
lane_kernels() { tests test/engine/native/cuda/kernels; }
lane_real() {
  if ! "${HEPHAESTUS_PYTHON:-python3}" -c 'import torch, numpy' 2>/dev/null; then
    echo "${HEPHAESTUS_PYTHON:-python3} has no PyTorch (set HEPHAESTUS_PYTHON)"
    return 77
  fi
  tests test/gpu/real-sizes.test.ts
}

# NVRTC keeps nothing of its own; the driver's cache is only for PTX.
lane_figures() {
  local one result=0
  for one in "cold $cold_limit" "cached $cached_limit"; do
    set -- $one
    say "first step, $1, at most $2 s"
    "$node" scripts/gpu/train-steps.mjs --shape "$figure_shape" --precision bf16 --steps 3 --cache "$scratch/cache" --limit "$2" || result=1
  done
  return $result
}

lane_sanitizer() {
  local tool sanitizer result=0 precision
  sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer 2>/dev/null | head -1)
  if [ -z "$sanitizer" ]; then echo "compute-sanitizer is not installed"; return 77; fi
  for tool in memcheck racecheck initcheck; do
    for precision in bf16 fp32; do
      say "$tool, $precision"
      timeout 240 "$sanitizer" --tool $tool --error-exitcode 1 "$node" scripts/gpu/train-steps.mjs --precision $precision --steps 2 || result=1
    done
  done
  return $result
}

summary=()
failed=0
tested=0
for lane in $lanes; do
  say "lane $lane"
  begin=$SECONDS
  lane_"$lane"
  status=$?
  case $status in
    0) word=passed tested=1 ;;
    77) word="SKIPPED (see above)" ;;
    *) word="FAILED ($status)" failed=1 ;;
  esac
  summary+=("$(printf '%-10s %-20s %4d s' "$lane" "$word" $((SECONDS - begin)))")
done
echo
printf '%s\n' "${summary[@]}"
[ $failed -eq 0 ] || exit 1
[ $tested -eq 1 ] || exit 77
