/* Runs one block of a kernel: its threads, which wait for each other at barriers and warp operations. */
#pragma once
#include "vendor.h"
/* After the vendor's headers. */
#include "../kernel/abi.h"
#include <string>
#include <vector>

namespace emulator {

/* The shared memory of a compiled file: its static arrays, and room for the dynamic one. */
struct SharedMemory {
  unsigned char *begin, *end, *dynamic;
};

/* A kernel as it is about to run, or runs. */
struct Launch {
  std::string name;
  SharedMemory shared;
  const emulated_kernel *kernel;
  dim3 grid, block;
  size_t shared_bytes;
  std::vector<void *> parameters;
};

/* Runs every block. Errors are complained of. */
CUresult run_kernel(const Launch &launch);

/* For what runs inside a block: ends the launch with an error and does not return. */
[[noreturn]] void abort_block(CUresult status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Whether all bytes of a range are the running block's shared memory. */
bool is_shared(const void *address, size_t bytes);

/* The copies that a thread has begun and not yet waited for. */
struct AsyncCopy {
  void *to;
  const void *from;
  unsigned bytes;
  bool valid;
  /* How many groups the thread had committed before. */
  int group;
};
struct AsyncCopies {
  std::vector<AsyncCopy> begun;
  int committed = 0;
};
AsyncCopies &copies_of_thread();

} // namespace emulator
