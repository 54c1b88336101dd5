/* Switching takes a dozen instructions: the registers that a call keeps go to the stack, and another stack's come back. */
#include "fiber.h"
#include <cstdint>
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
extern "C" void emulator_switch(void **save, void *to);
__asm__(".text\n.globl emulator_switch\n.hidden emulator_switch\n.type emulator_switch,@function\n"
        "emulator_switch:\n"
        "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
        "  ret\n"
        ".size emulator_switch, .-emulator_switch\n");
/* Six registers, the address to return to, and one word so that the stack is aligned as after a call. */
static const int FRAME_WORDS = 8, RETURN_WORD = 6;
#elif defined(__aarch64__)
extern "C" void emulator_switch(void **save, void *to);
__asm__(".text\n.globl emulator_switch\n.hidden emulator_switch\n.type emulator_switch,%function\n"
        "emulator_switch:\n"
        "  sub sp, sp, #160\n"
        "  stp x19, x20, [sp, #0]\n  stp x21, x22, [sp, #16]\n  stp x23, x24, [sp, #32]\n"
        "  stp x25, x26, [sp, #48]\n  stp x27, x28, [sp, #64]\n  stp x29, x30, [sp, #80]\n"
        "  stp d8, d9, [sp, #96]\n  stp d10, d11, [sp, #112]\n  stp d12, d13, [sp, #128]\n  stp d14, d15, [sp, #144]\n"
        "  mov x9, sp\n  str x9, [x0]\n  mov sp, x1\n"
        "  ldp x19, x20, [sp, #0]\n  ldp x21, x22, [sp, #16]\n  ldp x23, x24, [sp, #32]\n"
        "  ldp x25, x26, [sp, #48]\n  ldp x27, x28, [sp, #64]\n  ldp x29, x30, [sp, #80]\n"
        "  ldp d8, d9, [sp, #96]\n  ldp d10, d11, [sp, #112]\n  ldp d12, d13, [sp, #128]\n  ldp d14, d15, [sp, #144]\n"
        "  add sp, sp, #160\n"
        "  ret\n"
        ".size emulator_switch, .-emulator_switch\n");
/* Twenty registers, of which the twelfth is the address to return to. */
static const int FRAME_WORDS = 20, RETURN_WORD = 11;
#else
#include <ucontext.h>
#define WITH_UCONTEXT
#endif

namespace emulator {

static size_t page_bytes() { return size_t(sysconf(_SC_PAGESIZE)); }

#ifdef WITH_UCONTEXT
void restart(Fiber *fiber, void (*body)()) {
  if (fiber->saved == nullptr) fiber->saved = new ucontext_t();
  ucontext_t *const context = static_cast<ucontext_t *>(fiber->saved);
  getcontext(context);
  context->uc_stack.ss_sp = fiber->stack;
  context->uc_stack.ss_size = STACK_BYTES;
  makecontext(context, body, 0);
}

void switch_fiber(Fiber *from, Fiber *to) {
  if (from->saved == nullptr) from->saved = new ucontext_t();
  swapcontext(static_cast<ucontext_t *>(from->saved), static_cast<ucontext_t *>(to->saved));
}
#else
void restart(Fiber *fiber, void (*body)()) {
  void **const frame = reinterpret_cast<void **>(fiber->stack + STACK_BYTES) - FRAME_WORDS;
  for (int i = 0; i < FRAME_WORDS; i++) frame[i] = nullptr;
  frame[RETURN_WORD] = reinterpret_cast<void *>(body);
  fiber->saved = frame;
}

void switch_fiber(Fiber *from, Fiber *to) { emulator_switch(&from->saved, to->saved); }
#endif

Fiber *make_fiber(void (*body)()) {
  const size_t page = page_bytes();
  void *const map = mmap(nullptr, STACK_BYTES + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) abort();
  mprotect(map, page, PROT_NONE);
  Fiber *const fiber = new Fiber{nullptr, static_cast<char *>(map) + page};
  restart(fiber, body);
  return fiber;
}

bool overflowed(const Fiber *fiber, const void *address) {
  const char *const at = static_cast<const char *>(address);
  return at < fiber->stack && at >= fiber->stack - page_bytes();
}

} // namespace emulator
