/* Stacks that can be left and gone back to, for the threads of a block. */
#pragma once
#include <cstddef>

namespace emulator {

struct Fiber {
  /* Where the registers lie that were saved when it was last left. */
  void *saved;
  /* First usable byte of its stack; the page below is forbidden. */
  char *stack;
};

const size_t STACK_BYTES = 128 << 10;

/* A fiber that begins `body` when it is switched to; `body` never returns. */
Fiber *make_fiber(void (*body)());
/* Makes it begin again. */
void restart(Fiber *fiber, void (*body)());
/* Leaves the running fiber for another. */
void switch_fiber(Fiber *from, Fiber *to);
/* Whether an address is in the forbidden page below this fiber's stack. */
bool overflowed(const Fiber *fiber, const void *address);

} // namespace emulator
