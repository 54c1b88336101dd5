/* Catches what the processor refuses while a kernel runs, and fences its dynamic shared memory. */
#pragma once
#include <csignal>
#include <cstddef>

namespace emulator {

/* While one lives, the thread's memory faults go to a function, which must not return. */
class FaultTrap {
public:
  /* `known` is false where the processor does not tell the address. */
  explicit FaultTrap(void (*on_fault)(const void *address, bool known));
  ~FaultTrap();
  FaultTrap(const FaultTrap &) = delete;

private:
  struct sigaction segmentation_, bus_;
  stack_t stack_;
};

/* Forbids the pages behind the bytes that a kernel asked for, and watches the rest of the last one. */
class SharedFence {
public:
  SharedFence(unsigned char *shared, size_t bytes);
  bool whole() const;
  SharedFence(const SharedFence &) = delete;

private:
  unsigned char *const end_;
  unsigned char *page_;
};

} // namespace emulator
