/* Compiles kernel text to a shared object with g++. */
#pragma once
#include "vendor.h"
#include <map>
#include <string>
#include <vector>

namespace emulator {

struct Source {
  std::string name, text;
  std::map<std::string, std::string> headers;
};

struct Compiled {
  nvrtcResult status = NVRTC_ERROR_INVALID_PROGRAM;
  std::string log, binary;
  /* Whether the options named a real architecture (sm_90), not a virtual one (compute_90). */
  bool real = false;
};

/* May be called from several threads at once. */
Compiled compile(const Source &source, const std::vector<std::string> &options);

} // namespace emulator
