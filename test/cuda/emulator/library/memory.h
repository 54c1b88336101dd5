/* Memory of the device and pinned memory of the host, between guards. */
#pragma once
#include "state.h"

namespace emulator {

/* Where an address lies: `base` null where nothing is allocated. */
struct Place {
  const char *base;
  size_t bytes, offset;
};
Place find_device(const void *address);
/* Whether all of a range is one allocation's. */
bool is_device(CUdeviceptr address, size_t bytes);
bool is_pinned(const void *address, size_t bytes);
/* For messages: which allocation an address is in or beside. */
std::string describe_address(const void *address);

/* Complains of every guard that was written to, and mends it. Gives whether all were whole. */
bool check_guards(const char *when);
/* Frees whatever is still allocated, and complains of it if it `leaks`. */
void release_everything(bool leaks);
std::string describe_memory();

} // namespace emulator
