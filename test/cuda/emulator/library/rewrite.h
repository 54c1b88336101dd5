/* Makes of a preprocessed kernel file one that g++ compiles. */
#pragma once
#include <string>

namespace emulator {

/* With the replacements of `rewrite.cpp`, and with the table of its kernels at the end. */
std::string rewritten(const std::string &preprocessed, int architecture);

} // namespace emulator
