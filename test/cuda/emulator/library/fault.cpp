/* Signals come on a stack of their own, because the fault may be that the stack is full. */
#include "fault.h"
#include "../kernel/abi.h"
#include <cstdint>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace emulator {

static thread_local void (*handler)(const void *, bool) = nullptr;
static struct sigaction earlier_segmentation, earlier_bus;

/* Faults of other threads, such as those of WebAssembly, go where they went before. */
static void pass_on(int signal, siginfo_t *info, void *context) {
  const struct sigaction &earlier = signal == SIGBUS ? earlier_bus : earlier_segmentation;
  if ((earlier.sa_flags & SA_SIGINFO) != 0) return earlier.sa_sigaction(signal, info, context);
  if (earlier.sa_handler != SIG_DFL && earlier.sa_handler != SIG_IGN) return earlier.sa_handler(signal);
  sigaction(signal, &earlier, nullptr);
}

static void on_signal(int signal, siginfo_t *info, void *context) {
  if (handler == nullptr) return pass_on(signal, info, context);
  /* x86 does not tell an address that is not canonical, nor that of a misaligned vector: then the kernel itself is named as the sender. */
  handler(info->si_addr, info->si_code != SI_KERNEL);
}

static const size_t SIGNAL_STACK_BYTES = 64 << 10;

FaultTrap::FaultTrap(void (*on_fault)(const void *, bool)) {
  static char *const memory = new char[SIGNAL_STACK_BYTES];
  stack_t mine = {};
  mine.ss_sp = memory;
  mine.ss_size = SIGNAL_STACK_BYTES;
  sigaltstack(&mine, &stack_);
  struct sigaction action = {};
  action.sa_sigaction = on_signal;
  /* The handler never returns, so its signal may not stay blocked. */
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  handler = on_fault;
  sigaction(SIGSEGV, &action, &segmentation_);
  sigaction(SIGBUS, &action, &bus_);
  earlier_segmentation = segmentation_;
  earlier_bus = bus_;
}

FaultTrap::~FaultTrap() {
  sigaction(SIGSEGV, &segmentation_, nullptr);
  sigaction(SIGBUS, &bus_, nullptr);
  sigaltstack(&stack_, nullptr);
  handler = nullptr;
}

static const unsigned char PATTERN = 0xfd;

SharedFence::SharedFence(unsigned char *shared, size_t bytes) : end_(shared + bytes) {
  const uintptr_t size = uintptr_t(sysconf(_SC_PAGESIZE));
  page_ = reinterpret_cast<unsigned char *>((uintptr_t(end_) + size - 1) / size * size);
  unsigned char *const last = shared + EMULATED_DYNAMIC_BYTES;
  if (page_ > last) page_ = last;
  mprotect(shared, EMULATED_DYNAMIC_BYTES, PROT_READ | PROT_WRITE);
  memset(end_, PATTERN, size_t(page_ - end_));
  if (page_ < last) mprotect(page_, size_t(last - page_), PROT_NONE);
}

bool SharedFence::whole() const {
  for (const unsigned char *p = end_; p < page_; p++)
    if (*p != PATTERN) return false;
  return true;
}

} // namespace emulator
