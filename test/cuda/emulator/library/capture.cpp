/*
 * Graphs: captured work in the order in which it was issued, which is one of the orders that its streams and events allow. Arguments are
 * copied when work is captured, so a replay does the same whatever became of them.
 */
#include "capture.h"
#include <algorithm>

struct CUgraph_st {
  std::vector<emulator::Work> work;
};
struct CUgraphExec_st {
  std::vector<emulator::Work> work;
};

namespace emulator {

struct Capture {
  Stream *origin;
  CUstreamCaptureMode mode;
  std::vector<Work> work;
  /* Streams that joined, and those of them whose latest work the origin has not waited for. */
  std::set<Stream *> streams, unjoined;
  bool invalid;
};

static std::set<Capture *> captures;
static std::set<CUgraph> graphs;
static std::set<CUgraphExec> executables;

CUresult record(Stream *stream, Work work) {
  Capture &capture = *stream->capture;
  if (capture.invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (stream != capture.origin) capture.unjoined.insert(stream);
  capture.work.push_back(std::move(work));
  return CUDA_SUCCESS;
}

CUresult join(Stream *stream, const Mark &mark) {
  if (mark.capture == nullptr) {
    complain("a captured stream waits for an event that was recorded outside of the capture");
    stream->capture->invalid = true;
    return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
  }
  if (captures.count(mark.capture) == 0) return CUDA_ERROR_CAPTURED_EVENT;
  if (stream->capture != nullptr && stream->capture != mark.capture) return CUDA_ERROR_STREAM_CAPTURE_MERGE;
  Capture &capture = *mark.capture;
  if (stream == stream_of(nullptr)) return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  if (stream != capture.origin) {
    stream->capture = &capture;
    capture.streams.insert(stream);
    capture.unjoined.insert(stream);
  }
  if (mark.stream != capture.origin) capture.unjoined.erase(mark.stream);
  return CUDA_SUCCESS;
}

CUresult invalidate(CUstream stream, const char *function) {
  complain("%s on a stream that is being captured", function);
  stream_of(stream)->capture->invalid = true;
  return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult refuse_while_capturing(const char *function) {
  for (Capture *const capture : captures) {
    if (capture->mode == CU_STREAM_CAPTURE_MODE_RELAXED) continue;
    complain("%s while a stream is being captured", function);
    capture->invalid = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  return CUDA_SUCCESS;
}

static void end(Capture *capture) {
  for (Stream *const stream : capture->streams) stream->capture = nullptr;
  captures.erase(capture);
  delete capture;
}

void forget_captures() {
  while (!captures.empty()) end(*captures.begin());
  for (const CUgraph graph : graphs) delete graph;
  for (const CUgraphExec executable : executables) delete executable;
  graphs.clear(), executables.clear();
}

static CUresult instantiate(CUgraphExec *executable, CUgraph graph) {
  if (executable == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (graphs.count(graph) == 0) return CUDA_ERROR_INVALID_HANDLE;
  *executable = new CUgraphExec_st{graph->work};
  executables.insert(*executable);
  return CUDA_SUCCESS;
}

static CUresult run_graph(const std::vector<Work> &work) {
  for (const Work &one : work) {
    if (!one.label.empty()) note(one.label);
    const CUresult status = one.run();
    if (status != CUDA_SUCCESS) return status;
  }
  return CUDA_SUCCESS;
}

} // namespace emulator

using namespace emulator;

extern "C" {

CUresult CUDAAPI cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) {
  ENTER(cuStreamBeginCapture_v2);
  if (stream == nullptr) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  if (!is_stream(stream)) return CUDA_ERROR_INVALID_HANDLE;
  if (stream->capture != nullptr) return CUDA_ERROR_ILLEGAL_STATE;
  stream->capture = new Capture{stream, mode, {}, {stream}, {}, false};
  captures.insert(stream->capture);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamEndCapture(CUstream stream, CUgraph *graph) {
  ENTER(cuStreamEndCapture);
  if (stream == nullptr || !is_stream(stream)) return CUDA_ERROR_INVALID_HANDLE;
  if (graph == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Capture *const capture = stream->capture;
  if (capture == nullptr || capture->origin != stream) return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  *graph = nullptr;
  const bool invalid = capture->invalid, unjoined = !capture->unjoined.empty();
  if (!invalid && !unjoined) {
    *graph = new CUgraph_st{std::move(capture->work)};
    graphs.insert(*graph);
  }
  end(capture);
  if (invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  return unjoined ? CUDA_ERROR_STREAM_CAPTURE_UNJOINED : CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus *status) {
  ENTER(cuStreamIsCapturing);
  if (!is_stream(stream)) return CUDA_ERROR_INVALID_HANDLE;
  if (status == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Capture *const capture = stream_of(stream)->capture;
  *status = capture == nullptr  ? CU_STREAM_CAPTURE_STATUS_NONE
            : capture->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                               : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphInstantiateWithFlags(CUgraphExec *executable, CUgraph graph, unsigned long long) {
  ENTER(cuGraphInstantiateWithFlags);
  return instantiate(executable, graph);
}

CUresult CUDAAPI cuGraphUpload(CUgraphExec executable, CUstream stream) {
  ENTER(cuGraphUpload);
  return executables.count(executable) == 0 || !is_stream(stream) ? CUDA_ERROR_INVALID_HANDLE : CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphLaunch(CUgraphExec executable, CUstream stream) {
  ENTER(cuGraphLaunch);
  if (executables.count(executable) == 0 || !is_stream(stream)) return CUDA_ERROR_INVALID_HANDLE;
  counts.graph_launches++;
  return enqueue(stream, {"graph", [work = executable->work] { return run_graph(work); }});
}

CUresult CUDAAPI cuGraphExecDestroy(CUgraphExec executable) {
  ENTER(cuGraphExecDestroy);
  if (executables.erase(executable) == 0) return CUDA_ERROR_INVALID_HANDLE;
  delete executable;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphDestroy(CUgraph graph) {
  ENTER(cuGraphDestroy);
  if (graphs.erase(graph) == 0) return CUDA_ERROR_INVALID_HANDLE;
  delete graph;
  return CUDA_SUCCESS;
}

/* Only the number of nodes is known. */
CUresult CUDAAPI cuGraphGetNodes(CUgraph graph, struct CUgraphNode_st **nodes, size_t *count) {
  ENTER(cuGraphGetNodes);
  if (graphs.count(graph) == 0) return CUDA_ERROR_INVALID_HANDLE;
  if (nodes != nullptr || count == nullptr) return CUDA_ERROR_NOT_SUPPORTED;
  *count = graph->work.size();
  return CUDA_SUCCESS;
}
}
