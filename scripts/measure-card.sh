#!/usr/bin/env bash
# All that there is to find out on a card, in one go: correctness, sanitizer, timings, bench beside PyTorch. A part that fails does not keep the next
# from running. Works in the project and in a bundle made with --with-tests.
set -uo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
known="facts contract kernels real figures sanitizer timing bench-124m bench-1b bench-1.5b bench-8b saving curve"
parts=$known
budget=570
rounds=0
out=${OUT:-$PWD/measure-card}

usage() {
  cat <<'TEXT'
Usage: scripts/measure-card.sh [--out FOLDER] [--budget SECONDS] [--rounds N] [PART...]

Parts, in this order and all of them by default:
  facts      the machine, the card, the versions
  contract, kernels, real, figures, sanitizer   the lanes of scripts/test-gpu.sh
  timing     every operation beside its floor, in bf16 and fp32
  bench-124m (sequence 1024), bench-1b (1.2B Llama, 4096), bench-1.5b (1024), bench-8b (8192)   ours, then PyTorch on the same shape
  saving     what copying a checkpoint out costs a step, 1.2B
  curve      500 steps of 124M in bf16 and fp32 beside PyTorch's

  --budget SECONDS  a part gets what is left of this at most (default: 570, to end within a call of ten minutes)
  --rounds N        bench by `bench --compare-torch compile --rounds N`, both sides in turn, instead of once each (at least 3)

Writes to FOLDER (default: $OUT): summary.txt, facts.txt, tests.log, sanitizer.log, timing.txt, bench.log, bench.jsonl. Run it again with other
parts, and into another folder, where ten minutes do not suffice. Ends with 1 when a part failed, with 77 when all were skipped.

Examples:
  scripts/measure-card.sh facts contract kernels figures
  scripts/measure-card.sh --budget 300 bench-124m bench-1b
TEXT
}

fail() { printf 'measure-card: %s\n' "$1" >&2; printf '  hint: %s\n' "${2:-see --help}" >&2; exit 2; }
value() { [ $# -ge 2 ] || fail "$1 needs a value"; printf '%s' "$2"; }

chosen=""
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=$(value "$@") || exit 2; shift ;;
    --budget) budget=$(value "$@") || exit 2; shift ;;
    --rounds) rounds=$(value "$@") || exit 2; shift ;;
    -h | --help) usage; exit 0 ;;
    *) case " $known " in *" $1 "*) chosen="$chosen $1" ;; *) fail "there is no part $1" ;; esac ;;
  esac
  shift
done
[ -z "$chosen" ] || parts=$chosen
case $budget$rounds in *[!0-9]*) fail "--budget and --rounds take whole numbers" ;; esac

node=node
[ ! -x "$root/nodejs" ] || node=$root/nodejs
python=${HEPHAESTUS_PYTHON:-python3}
mkdir -p "$out" || exit 2
out=$(cd "$out" && pwd)
cd "$root" || exit 2

part_facts() {
  "$node" scripts/gpu/probe.mjs
  local probed=$?
  "$node" --version
  nvidia-smi --query-gpu=name,driver_version,memory.total,memory.used,clocks.sm,clocks.mem,power.limit --format=csv 2>&1
  "$python" -c 'import torch; print("PyTorch", torch.__version__, "CUDA", torch.version.cuda, torch.cuda.is_available())' 2>&1
  nvcc --version 2>&1 | tail -2
  nproc
  free -g | head -2
  return $probed
}

lane() { bash scripts/test-gpu.sh "$1"; }

part_timing() {
  local result=0
  "$node" scripts/gpu/time-operations.mjs --precision bf16 || result=$?
  [ $result -ne 77 ] || return 77
  "$node" scripts/gpu/time-operations.mjs --precision fp32 --repeats 5 || result=$?
  return $result
}

hephaestus() { "$node" dist/cli.js "$@"; }

# One shape by its name (src/bench/shapes.ts), steps of both sides, and PyTorch's options: our side, PyTorch's, both speeds in a line.
bench() {
  local name=$1 shape=$2 steps=$3 device=cuda ours=0 theirs=0
  shift 3
  "$node" scripts/gpu/probe.mjs || return 77
  # To try this out where a card is emulated.
  if [ "${HEPHAESTUS_GPU_SIZES:-}" = small ]; then
    device=cpu shape=width=32,layers=1,heads=2,ff=48,vocab=64,length=16,batch=1 steps=2
    set -- --dtype bf16 --width 32 --layers 1 --heads 2 --ff 48 --vocab 64 --seq 16 --batch 1
  fi
  local ours_are=(bench --engine native-cuda --precision bf16 --shape "$shape" --steps "$steps")
  if [ "$rounds" -gt 0 ]; then
    hephaestus "${ours_are[@]}" --compare-torch compile --rounds "$rounds" --python "$python"
    return
  fi
  local json=$scratch/$name.json
  timeout $((left * 6 / 10 + 1)) "$node" dist/cli.js "${ours_are[@]}" --json >"$json" || ours=$?
  cat "$json"
  "$python" scripts/torch-peer.py --device $device --mode compile --steps "$steps" "$@" >"$json.torch" || theirs=$?
  cat "$json.torch"
  "$python" scripts/gpu/speeds.py "$name" "$json" "$json.torch" | tee -a "$out/bench.jsonl"
  [ $ours -eq 0 ] && [ $theirs -eq 0 ]
}

part_bench-124m() {
  bench 124m gpt-124m 20 --dtype master --width 768 --layers 12 --heads 12 --ff 2048 --vocab 50304 --tie --seq 1024 --batch 32
}
part_bench-1b() {
  bench 1b llama-1.2b 10 --dtype master --width 2048 --layers 16 --heads 32 --kv-heads 8 --ff 8192 --vocab 128256 --tie --seq 4096 --batch 4
}
part_bench-1.5b() {
  bench 1.5b 1.5b,batch=16,accumulate=2 8 --dtype master --qkv-bias --width 1536 --layers 28 --heads 12 --kv-heads 2 --ff 8960 --vocab 151936 \
    --tie --seq 1024 --batch 16 --accumulate 2
}
# PyTorch fits only with bf16 moments and layers computed again, if at all.
part_bench-8b() {
  bench 8b llama-8b,accumulate=1 4 --dtype bf16 --recompute --width 4096 --layers 32 --heads 32 --kv-heads 8 --ff 14336 --vocab 128256 \
    --seq 8192 --batch 1
}

part_saving() {
  "$node" scripts/gpu/probe.mjs || return 77
  hephaestus bench --engine native-cuda --precision bf16 --shape llama-1.2b --steps 8 --saving
}

part_curve() {
  "$node" scripts/gpu/probe.mjs || return 77
  hephaestus bench --engine native-cuda --shape gpt-124m,batch=8 --curve 500 --python "$python"
}

log_of() {
  case $1 in
    facts | timing) echo "$1.txt" ;;
    sanitizer) echo sanitizer.log ;;
    bench-* | saving | curve) echo bench.log ;;
    *) echo tests.log ;;
  esac
}

# Functions do not cross `timeout`; this script calls itself for one part.
if [ "${GPU_SESSION_PART:-}" != "" ]; then
  left=$GPU_SESSION_LEFT
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  case $GPU_SESSION_PART in
    contract | kernels | real | figures | sanitizer) lane "$GPU_SESSION_PART" ;;
    *) "part_$GPU_SESSION_PART" ;;
  esac
  exit $?
fi

rm -f "$out"/{summary,facts,timing}.txt "$out"/{tests,sanitizer,bench}.log "$out/bench.jsonl"
failed=0
tested=0
begin=$SECONDS
for part in $known; do
  case " $parts " in *" $part "*) ;; *) continue ;; esac
  left=$((budget - (SECONDS - begin)))
  log=$out/$(log_of "$part")
  started=$SECONDS
  if [ $left -lt 5 ]; then
    word="SKIPPED: no time left"
  else
    printf '\n#### %s\n' "$part" >>"$log"
    GPU_SESSION_PART=$part GPU_SESSION_LEFT=$left timeout --kill-after=5 "$left" \
      bash "$root/scripts/measure-card.sh" --out "$out" --rounds "$rounds" >>"$log" 2>&1 </dev/null
    status=$?
    case $status in
      0) word=passed tested=1 ;;
      77) word="SKIPPED: $(grep -E 'no card|has no PyTorch|not installed|^skipped' "$log" | tail -1)" ;;
      124 | 137) word="FAILED: cut off after $left s" failed=1 ;;
      *) word="FAILED ($status): $(grep -v '^$' "$log" | tail -1 | cut -c1-100)" failed=1 ;;
    esac
  fi
  printf '%-11s %4d s  %s\n' "$part" $((SECONDS - started)) "$word" | tee -a "$out/summary.txt"
done
[ ! -s "$out/bench.jsonl" ] || cat "$out/bench.jsonl"
[ $failed -eq 0 ] || exit 1
[ $tested -eq 1 ] || exit 77
