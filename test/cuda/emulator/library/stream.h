/* Streams hold work until somebody waits for it; while one is being captured, its work goes to a graph instead. */
#pragma once
#include "state.h"
#include <functional>
#include <string>

namespace emulator {

/* Something that a stream does, with all that it needs copied into `run`. */
struct Work {
  std::string label;
  std::function<CUresult()> run;
};

/* Adds work to a stream, runs it or records it. */
CUresult enqueue(CUstream stream, Work work);
/* Runs all that a stream holds. */
CUresult run_stream(CUstream stream);
CUresult run_everything();
bool is_stream(CUstream stream);
bool is_capturing(CUstream stream);
/* An error where some stream is being captured in a mode that forbids such calls. */
CUresult refuse_while_capturing(const char *function);

} // namespace emulator
