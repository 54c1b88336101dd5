/*
 * The threads of a block, each on a fiber from when it first waits. A thread runs until it waits; threads that may go on are taken first,
 * then the next that has not begun, on a fiber that is free: a kernel without barriers runs as a loop on one fiber.
 */
#include "block.h"
#include "fault.h"
#include "fiber.h"
#include "memory.h"
#include "order.h"
#include "state.h"
#include <algorithm>
#include <cstdarg>
#include <cstring>

uint3 emulated_thread_index, emulated_block_index;
dim3 emulated_block_size, emulated_grid_size;

namespace emulator {

enum class State { UNBEGUN, RUNNING, READY, AT_BARRIER, IN_WARP, EXITED };

struct Thread {
  uint3 index;
  unsigned rank;
  State state;
  Fiber *fiber;
  emulated_site site;
};

/* Lanes of a warp that do something together. Several of them may be open with different masks. */
struct Collective {
  emulated_complete complete;
  unsigned mask, arrived;
  void *slots[32];
};
struct Warp {
  unsigned alive;
  std::vector<Collective> open;
};

static const Launch *launch;
static std::vector<Thread> threads;
/* By the rank of their thread. */
static std::vector<AsyncCopies> copies;
static std::vector<Warp> warps;
/* The threads in the order in which they begin. */
static std::vector<unsigned> beginning;
static unsigned size, begun, exited;
/* A ring of the threads that may go on; each is in it at most once. */
static std::vector<Thread *> ready;
static unsigned ready_first, ready_count;
static unsigned at_barrier, barrier_votes, barrier_result;
static Thread *current;
static Fiber *running, outside;
static std::vector<Fiber *> idle, all_fibers;
static CUresult status;

static void make_ready(Thread *thread) {
  thread->state = State::READY;
  ready[(ready_first + ready_count++) % size] = thread;
}

static void fiber_body();

/* What to run next from here: null when every thread waits or has exited. */
static Fiber *pick() {
  if (ready_count > 0) {
    Thread *const next = ready[ready_first];
    ready_first = (ready_first + 1) % size;
    ready_count--;
    current = next;
    return next->fiber;
  }
  if (begun == size) return nullptr;
  if (idle.empty()) {
    all_fibers.push_back(make_fiber(fiber_body));
    return all_fibers.back();
  }
  Fiber *const fiber = idle.back();
  idle.pop_back();
  return fiber;
}

static void leave() {
  Fiber *const from = running, *const next = pick();
  running = next == nullptr ? &outside : next;
  switch_fiber(from, running);
}

/* The current thread waits until somebody makes it ready. */
static void wait() {
  Thread *const self = current;
  leave();
  self->state = State::RUNNING;
  emulated_thread_index = self->index;
}

static std::string name_of(const Thread &thread) {
  return text("thread (%u, %u, %u)", thread.index.x, thread.index.y, thread.index.z);
}

static std::string place_of(const Thread &thread) {
  return thread.site.file == nullptr ? "" : text(" at %s:%d", thread.site.file, thread.site.line);
}

void abort_block(CUresult with, const char *format, ...) {
  char what[640];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  const uint3 block = emulated_block_index;
  const std::string who = current == nullptr ? "" : ", " + name_of(*current);
  complain("kernel %s, block (%u, %u, %u)%s: %s", launch->name.c_str(), block.x, block.y, block.z, who.c_str(), what);
  status = with;
  Fiber *const from = running;
  running = &outside;
  switch_fiber(from, &outside);
  __builtin_unreachable();
}

static Warp &warp_of(const Thread &thread) { return warps[thread.rank / 32]; }

/* All have come: does the work and lets them go on, except the one that runs. */
static void finish(Warp &warp, size_t position) {
  const Collective done = warp.open[position];
  warp.open.erase(warp.open.begin() + long(position));
  done.complete(done.slots, done.arrived);
  Thread *const first = &threads[size_t(&warp - warps.data()) * 32];
  for (unsigned lane = 0; lane < 32; lane++)
    if ((done.arrived >> lane & 1u) && first + lane != current) make_ready(first + lane);
}

static void exit_thread() {
  if (at_barrier > 0) {
    const auto waits = [](const Thread &one) { return one.state == State::AT_BARRIER; };
    const Thread &other = *std::find_if(threads.begin(), threads.end(), waits);
    abort_block(CUDA_ERROR_LAUNCH_FAILED, "exits while %s waits at the barrier%s", name_of(other).c_str(), place_of(other).c_str());
  }
  current->state = State::EXITED;
  exited++;
  Warp &warp = warp_of(*current);
  warp.alive &= ~(1u << current->rank % 32);
  for (size_t i = 0; i < warp.open.size(); i++)
    if (warp.open[i].arrived == (warp.open[i].mask & warp.alive)) finish(warp, i--);
}

static void fiber_body() {
  for (;;) {
    while (ready_count == 0 && begun < size) {
      current = &threads[beginning[begun++]];
      current->state = State::RUNNING;
      current->fiber = running;
      current->site = {nullptr, 0};
      if (copies[current->rank].committed > 0 || !copies[current->rank].begun.empty()) copies[current->rank] = AsyncCopies();
      emulated_thread_index = current->index;
      launch->kernel->invoke(launch->parameters.data());
      exit_thread();
    }
    idle.push_back(running);
    leave();
  }
}

static void prepare_launch() {
  const dim3 block = launch->block;
  size = block.x * block.y * block.z;
  threads.resize(size), ready.resize(size), copies.resize(size), warps.resize((size + 31) / 32);
  for (unsigned rank = 0; rank < size; rank++) {
    threads[rank].index = {rank % block.x, rank / block.x % block.y, rank / (block.x * block.y)};
    threads[rank].rank = rank;
  }
  begin_order(size, beginning);
}

static void prepare_block() {
  begun = exited = ready_first = ready_count = at_barrier = barrier_votes = 0;
  status = CUDA_SUCCESS;
  current = nullptr;
  for (Thread &thread : threads) thread.state = State::UNBEGUN;
  for (unsigned i = 0; i < warps.size(); i++) {
    const unsigned lanes = std::min(32u, size - i * 32);
    warps[i].alive = lanes == 32 ? ~0u : (1u << lanes) - 1;
    warps[i].open.clear();
  }
}

/* Names a few of those that wait; there is nobody left who could come. */
static void complain_of_divergence() {
  std::string waiting;
  int shown = 0;
  for (unsigned rank = 0; rank < size && shown < 4; rank++) {
    const Thread &one = threads[rank];
    if (one.state != State::AT_BARRIER && one.state != State::IN_WARP) continue;
    const bool said = rank > 0 && threads[rank - 1].state == one.state && threads[rank - 1].site.line == one.site.line;
    if (said) continue;
    const char *const what = one.state == State::AT_BARRIER ? "the barrier" : "a warp operation";
    waiting += (shown++ > 0 ? "; " : "") + name_of(one) + " waits at " + what + place_of(one);
  }
  const uint3 block = emulated_block_index;
  complain("kernel %s, block (%u, %u, %u): its threads wait for each other: %s; %u of %u exited", launch->name.c_str(), block.x,
           block.y, block.z, waiting.c_str(), exited, size);
  status = CUDA_ERROR_LAUNCH_FAILED;
}

static void run_block() {
  prepare_block();
  Fiber *const first = pick();
  running = first;
  switch_fiber(&outside, first);
  if (status == CUDA_SUCCESS && exited < size) complain_of_divergence();
  current = nullptr;
  if (status == CUDA_SUCCESS) return;
  idle = all_fibers;
  for (Fiber *const fiber : idle) restart(fiber, fiber_body);
}

static void fresh_shared() {
  const SharedMemory &shared = launch->shared;
  memset(shared.begin, 0xff, size_t(shared.end - shared.begin));
  if (launch->shared_bytes > 0) memset(shared.dynamic, 0xff, launch->shared_bytes);
}

bool is_shared(const void *address, size_t bytes) {
  const unsigned char *const at = static_cast<const unsigned char *>(address);
  const SharedMemory &shared = launch->shared;
  const bool is_static = at >= shared.begin && at + bytes <= shared.end;
  return is_static || (at >= shared.dynamic && at + bytes <= shared.dynamic + launch->shared_bytes);
}

static CUresult run_blocks() {
  const dim3 grid = launch->grid;
  const size_t count = size_t(grid.x) * grid.y * grid.z;
  BlockOrder order(count);
  for (size_t i = 0; i < count && status == CUDA_SUCCESS; i++) {
    const size_t block = order.at(i);
    emulated_block_index = {unsigned(block % grid.x), unsigned(block / grid.x % grid.y), unsigned(block / grid.x / grid.y)};
    fresh_shared();
    run_block();
  }
  return status;
}

/* What a fault was, in words; called on the stack of signals. */
static void on_fault(const void *address, bool known) {
  if (known && overflowed(running, address))
    abort_block(CUDA_ERROR_ILLEGAL_ADDRESS, "its stack overflowed (%zu bytes of local memory)", STACK_BYTES);
  if (!known) abort_block(CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned or impossible address");
  const unsigned char *const at = static_cast<const unsigned char *>(address), *const dynamic = launch->shared.dynamic;
  if (at >= dynamic && at < dynamic + EMULATED_DYNAMIC_BYTES)
    abort_block(CUDA_ERROR_ILLEGAL_ADDRESS, "byte %zu of %zu of dynamic shared memory", size_t(at - dynamic), launch->shared_bytes);
  abort_block(CUDA_ERROR_ILLEGAL_ADDRESS, "illegal address: %s", describe_address(address).c_str());
}

CUresult run_kernel(const Launch &what) {
  launch = &what;
  status = CUDA_SUCCESS;
  emulated_block_size = what.block;
  emulated_grid_size = what.grid;
  prepare_launch();
  SharedFence fence(what.shared.dynamic, what.shared_bytes);
  FaultTrap trap(on_fault);
  const CUresult result = run_blocks();
  if (!fence.whole()) {
    complain("kernel %s wrote behind its %zu bytes of dynamic shared memory", what.name.c_str(), what.shared_bytes);
    return CUDA_ERROR_ILLEGAL_ADDRESS;
  }
  return result;
}

AsyncCopies &copies_of_thread() { return copies[current->rank]; }

} // namespace emulator

using namespace emulator;

extern "C" {

int emulated_barrier(emulated_site site, int predicate) {
  current->site = site;
  if (exited > 0) {
    const auto gone = [](const Thread &one) { return one.state == State::EXITED; };
    const Thread &other = *std::find_if(threads.begin(), threads.end(), gone);
    abort_block(CUDA_ERROR_LAUNCH_FAILED, "waits at the barrier%s, but %s has exited", place_of(*current).c_str(), name_of(other).c_str());
  }
  static emulated_site first;
  if (at_barrier == 0) first = site;
  if (site.line != first.line)
    abort_block(CUDA_ERROR_LAUNCH_FAILED, "waits at the barrier%s, but others at %s:%d", place_of(*current).c_str(), first.file, first.line);
  barrier_votes += predicate != 0;
  current->state = State::AT_BARRIER;
  if (++at_barrier < size) {
    wait();
    return int(barrier_result);
  }
  barrier_result = barrier_votes;
  at_barrier = barrier_votes = 0;
  current->state = State::RUNNING;
  for (unsigned i = 0; i < size; i++)
    if (&threads[beginning[i]] != current) make_ready(&threads[beginning[i]]);
  return int(barrier_result);
}

void emulated_collective(emulated_site site, unsigned mask, emulated_complete complete, void *slot) {
  Warp &warp = warp_of(*current);
  const unsigned lane = current->rank % 32;
  current->site = site;
  if ((mask >> lane & 1u) == 0)
    abort_block(CUDA_ERROR_LAUNCH_FAILED, "%s:%d: lane %u is not in its own mask %#x", site.file, site.line, lane, mask);
  size_t position = 0;
  while (position < warp.open.size() && (warp.open[position].complete != complete || warp.open[position].mask != mask)) position++;
  if (position == warp.open.size()) warp.open.push_back({complete, mask, 0, {}});
  Collective &open = warp.open[position];
  open.arrived |= 1u << lane;
  open.slots[lane] = slot;
  if (open.arrived == (mask & warp.alive)) return finish(warp, position);
  current->state = State::IN_WARP;
  wait();
}

unsigned emulated_active_mask(void) { return warp_of(*current).alive; }

void emulated_trap(emulated_site site, const char *what) {
  abort_block(CUDA_ERROR_LAUNCH_FAILED, "%s:%d: %s", site.file, site.line, what);
}
}
