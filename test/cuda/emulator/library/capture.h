/* Capture of streams into graphs, and what streams and events are made of. */
#pragma once
#include "stream.h"
#include <deque>
#include <memory>
#include <set>
#include <vector>

namespace emulator {

struct Capture;

} // namespace emulator

struct CUstream_st {
  std::deque<emulator::Work> queue;
  emulator::Capture *capture = nullptr;
  bool non_blocking = false;
};

namespace emulator {

using Stream = CUstream_st;

/* A moment in a stream: what an event was recorded at. */
struct Mark {
  Stream *stream;
  /* The capture that it was recorded in, or null. */
  Capture *capture;
  bool reached;
  double ms;
};

Stream *stream_of(CUstream stream);
/* Keeps work of a stream that is being captured. */
CUresult record(Stream *stream, Work work);
/* A stream waits for a mark while one of them is captured: joins the capture, or joins back to where it began. */
CUresult join(Stream *stream, const Mark &mark);
/* A call that may not be made while a stream is captured: breaks the capture. */
CUresult invalidate(CUstream stream, const char *function);
void forget_captures();

} // namespace emulator
