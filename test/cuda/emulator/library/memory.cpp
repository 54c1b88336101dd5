/*
 * Every allocation ends, rounded up to the 256 bytes that a card aligns to, where forbidden pages begin; others are in front. Reads and
 * writes past the end, and after the free, stop at once. What lies between the allocation and those pages holds a pattern that is checked
 * after each launch. Fresh memory is NaN.
 */
#include "memory.h"
#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <sys/mman.h>
#include <unistd.h>

namespace emulator {

static const size_t ALIGNMENT = 256;
static const unsigned char FRESH = 0xff, GUARD = 0xfd;

struct Allocation {
  size_t bytes;
  char *map;
  size_t map_bytes;
};
struct Memory {
  const char *name;
  std::map<uintptr_t, Allocation> live;
  std::set<uintptr_t> freed;
  size_t bytes = 0, peak = 0;
  long long allocations = 0;
};
static Memory device{"device", {}, {}}, pinned{"pinned host", {}, {}};

static size_t page_bytes() {
  static const size_t bytes = size_t(sysconf(_SC_PAGESIZE));
  return bytes;
}
/* Of forbidden address space on either side: strides of a matrix that go astray end there too. */
static size_t fence_bytes() { return 256 * page_bytes(); }
static size_t round_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

static char *allocate(Memory &memory, size_t bytes) {
  const size_t fence = fence_bytes(), rounded = round_up(bytes, ALIGNMENT), inner = round_up(rounded, page_bytes());
  void *map = mmap(nullptr, inner + 2 * fence, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) return nullptr;
  char *const first = static_cast<char *>(map) + fence;
  if (mprotect(first, inner, PROT_READ | PROT_WRITE) != 0) {
    munmap(map, inner + 2 * fence);
    return nullptr;
  }
  char *const base = first + (inner - rounded);
  memset(first, GUARD, size_t(base - first));
  memset(base, FRESH, bytes);
  memset(base + bytes, GUARD, rounded - bytes);
  const uintptr_t key = uintptr_t(base);
  memory.live[key] = {bytes, static_cast<char *>(map), inner + 2 * fence};
  memory.freed.erase(key);
  memory.bytes += bytes;
  memory.peak = std::max(memory.peak, memory.bytes);
  memory.allocations++;
  return base;
}

/* Number of the guard's bytes that were written to; they get the pattern again. */
static size_t damage(char *from, char *to) {
  size_t count = 0;
  for (char *p = from; p < to; p++) {
    if (static_cast<unsigned char>(*p) == GUARD) continue;
    *p = char(GUARD);
    count++;
  }
  return count;
}

static bool check(const Memory &memory, uintptr_t base, const Allocation &of, const char *when) {
  char *const begin = reinterpret_cast<char *>(base), *const end = begin + of.bytes;
  const size_t before = damage(of.map + fence_bytes(), begin), after = damage(end, of.map + of.map_bytes - fence_bytes());
  if (before > 0)
    complain("%s memory: %zu bytes before the allocation of %zu bytes were written, %s", memory.name, before, of.bytes, when);
  if (after > 0)
    complain("%s memory: %zu bytes behind the allocation of %zu bytes were written, %s", memory.name, after, of.bytes, when);
  return before + after == 0;
}

bool check_guards(const char *when) {
  bool whole = true;
  for (const Memory *memory : {&device, &pinned})
    for (const auto &[base, of] : memory->live) whole = check(*memory, base, of, when) && whole;
  return whole;
}

static bool release(Memory &memory, uintptr_t base, const char *function) {
  const auto found = memory.live.find(base);
  if (found == memory.live.end()) {
    const char *const what = memory.freed.count(base) > 0 ? "frees a second time" : "frees what was never allocated:";
    complain("%s %s %#zx", function, what, size_t(base));
    return false;
  }
  check(memory, base, found->second, "seen when it was freed");
  munmap(found->second.map, found->second.map_bytes);
  memory.bytes -= found->second.bytes;
  memory.live.erase(found);
  memory.freed.insert(base);
  return true;
}

static Place find(const Memory &memory, uintptr_t address) {
  auto after = memory.live.upper_bound(address);
  if (after == memory.live.begin()) return {nullptr, 0, 0};
  const auto &[base, of] = *--after;
  if (address - base > of.bytes) return {nullptr, 0, 0};
  return {reinterpret_cast<const char *>(base), of.bytes, address - base};
}

static bool contains(const Memory &memory, uintptr_t address, size_t bytes) {
  const Place place = find(memory, address);
  return place.base != nullptr && bytes <= place.bytes - place.offset;
}

Place find_device(const void *address) { return find(device, uintptr_t(address)); }
bool is_device(CUdeviceptr address, size_t bytes) { return contains(device, uintptr_t(address), bytes); }
bool is_pinned(const void *address, size_t bytes) { return contains(pinned, uintptr_t(address), bytes); }

std::string describe_address(const void *address) {
  const uintptr_t at = uintptr_t(address);
  for (const Memory *memory : {&device, &pinned}) {
    for (const auto &[base, of] : memory->live) {
      if (at >= base && at < base + of.bytes)
        return text("byte %zu of %zu of %s memory", size_t(at - base), of.bytes, memory->name);
      if (at >= base + of.bytes && at < uintptr_t(of.map + of.map_bytes))
        return text("%zu bytes past the end of %zu bytes of %s memory", size_t(at - base - of.bytes), of.bytes, memory->name);
      if (at >= uintptr_t(of.map) && at < base)
        return text("%zu bytes before %zu bytes of %s memory", size_t(base - at), of.bytes, memory->name);
    }
  }
  return text("%#zx, which is nowhere near an allocation", size_t(at));
}

void release_everything(bool leaks) {
  for (Memory *memory : {&device, &pinned}) {
    while (!memory->live.empty()) {
      const auto [base, of] = *memory->live.begin();
      if (leaks) complain("leak: %zu bytes of %s memory were not freed before their context", of.bytes, memory->name);
      release(*memory, base, "the context");
    }
  }
}

std::string describe_memory() {
  std::string out;
  for (const Memory *memory : {&device, &pinned}) {
    const char *const name = memory == &device ? "device" : "pinned";
    out += text("%s\"%s\":{\"live\":%zu,\"bytes\":%zu", out.empty() ? "" : ",", name, memory->live.size(), memory->bytes);
    out += text(",\"peakBytes\":%zu,\"allocations\":%lld}", memory->peak, memory->allocations);
  }
  return out;
}

void reset_memory() {
  for (Memory *memory : {&device, &pinned}) {
    for (const auto &[base, of] : memory->live) munmap(of.map, of.map_bytes);
    *memory = Memory{memory->name, {}, {}};
  }
}

} // namespace emulator

#include "stream.h"
using namespace emulator;

extern "C" {

CUresult CUDAAPI cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
  ENTER(cuMemAlloc_v2);
  if (const CUresult refused = refuse_while_capturing("cuMemAlloc_v2")) return refused;
  if (address == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  if (bytes > size_t(settings.memoryBytes) || device.bytes > size_t(settings.memoryBytes) - bytes) return CUDA_ERROR_OUT_OF_MEMORY;
  char *const base = allocate(device, bytes);
  if (base == nullptr) return CUDA_ERROR_OUT_OF_MEMORY;
  *address = CUdeviceptr(uintptr_t(base));
  return CUDA_SUCCESS;
}

/* Waits for the device, as the real one does. */
CUresult CUDAAPI cuMemFree_v2(CUdeviceptr address) {
  ENTER(cuMemFree_v2);
  if (address == 0) return CUDA_SUCCESS;
  if (const CUresult refused = refuse_while_capturing("cuMemFree_v2")) return refused;
  const CUresult earlier = run_everything();
  if (!release(device, uintptr_t(address), "cuMemFree_v2")) return CUDA_ERROR_INVALID_VALUE;
  return earlier;
}

CUresult CUDAAPI cuMemHostAlloc(void **address, size_t bytes, unsigned) {
  ENTER(cuMemHostAlloc);
  if (const CUresult refused = refuse_while_capturing("cuMemHostAlloc")) return refused;
  if (address == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  *address = allocate(pinned, bytes);
  return *address == nullptr ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemFreeHost(void *address) {
  ENTER(cuMemFreeHost);
  if (const CUresult refused = refuse_while_capturing("cuMemFreeHost")) return refused;
  const CUresult earlier = run_everything();
  if (!release(pinned, uintptr_t(address), "cuMemFreeHost")) return CUDA_ERROR_INVALID_VALUE;
  return earlier;
}

CUresult CUDAAPI cuMemGetInfo_v2(size_t *available, size_t *total) {
  ENTER(cuMemGetInfo_v2);
  if (available == nullptr || total == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *total = size_t(settings.memoryBytes);
  *available = device.bytes < *total ? *total - device.bytes : 0;
  return CUDA_SUCCESS;
}
}
