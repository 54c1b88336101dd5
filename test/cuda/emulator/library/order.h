/*
 * The order in which threads and blocks begin. A card promises none, so a kernel that gives another result when it is changed has a race or
 * leans on luck.
 */
#pragma once
#include "state.h"
#include <cstdint>
#include <vector>

namespace emulator {

/* splitmix64 */
inline uint64_t scrambled(uint64_t value) {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

inline void begin_order(unsigned count, std::vector<unsigned> &order) {
  order.resize(count);
  for (unsigned i = 0; i < count; i++) order[i] = settings.order == 1 ? count - 1 - i : i;
  if (settings.order < 2) return;
  for (unsigned i = count; i > 1; i--) {
    const unsigned other = unsigned(scrambled(uint64_t(settings.order) << 32 | i) % i);
    const unsigned kept = order[i - 1];
    order[i - 1] = order[other], order[other] = kept;
  }
}

class BlockOrder {
public:
  explicit BlockOrder(size_t count) : count_(count) {
    if (settings.order < 2) return;
    begin_order(unsigned(count), shuffled_);
  }
  size_t at(size_t i) const {
    if (!shuffled_.empty()) return shuffled_[i];
    return settings.order == 1 ? count_ - 1 - i : i;
  }

private:
  size_t count_;
  std::vector<unsigned> shuffled_;
};

} // namespace emulator
