/* What every part of the emulator shares: settings, the lock, the list of errors, injected faults. */
#pragma once
#include "vendor.h"
#include <mutex>
#include <string>

namespace emulator {

/* Of the card, and of how it behaves; the tests set them by name (`emulator_set`). */
struct Settings {
  long long memoryBytes = 8LL << 30;
  long long computeCapability = 90;
  long long multiprocessors = 8;
  long long sharedBytesPerBlock = 227 << 10;
  long long l2Bytes = 4 << 20;
  long long driverVersion = 13000;
  long long nvrtcVersion = 13000;
  /* Order in which the threads of a block, and the blocks, begin: 0 forwards, 1 backwards, others shuffle by that number. */
  long long order = 0;
  /* 1: work waits in its stream until somebody waits for it. 0: it runs at once. */
  long long deferred = 1;
  /* 1: keeps a line for everything that ran. */
  long long log = 0;
};
extern Settings settings;

/* Everything below is guarded by this lock, which kernels run under too. */
extern std::recursive_mutex mutex;

/* Adds to the report's errors. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Adds a line to the report's log, if one is kept. */
void note(const std::string &line);
std::string text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Counts a call; gives the status that the tests want it to fail with, or 0. */
int enter(const char *function);
/* The first error of a kernel or copy, which every later call gives too, as on a card; 0: none. */
extern CUresult sticky;
CUresult fault(CUresult status);
/* The reason why the calling thread may not use the device, or 0. */
CUresult require_context();

struct Counts {
  long long launches = 0, graph_launches = 0, matmuls = 0, copies = 0, fills = 0, compilations = 0, cached_compilations = 0;
};
extern Counts counts;

/* Each part forgets everything that it has. */
void reset_context();
void reset_memory();
void reset_streams();
void reset_modules();

} // namespace emulator

/* Begins every function of the driver. */
#define ENTER_FREELY(function)                                                                                                       \
  std::lock_guard<std::recursive_mutex> locked(emulator::mutex);                                                                     \
  if (const int injected = emulator::enter(#function)) return CUresult(injected)
#define ENTER(function)                                                                                                              \
  ENTER_FREELY(function);                                                                                                             \
  if (const CUresult refused = emulator::require_context()) return refused
