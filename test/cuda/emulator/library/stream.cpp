/*
 * Streams and events.
 *
 * Deferred work is the worst that a card may do: nothing happens before somebody waits, so a missing wait is seen. The default stream (NULL)
 * waits for all others and they for it, as the legacy one does.
 */
#include "stream.h"
#include "capture.h"
#include "memory.h"
#include <chrono>
#include <set>

struct CUevent_st {
  std::shared_ptr<emulator::Mark> mark;
  bool timed;
};

namespace emulator {

static std::set<Stream *> streams;
static std::set<CUevent> events;
static Stream default_stream;

bool is_stream(CUstream stream) { return stream == nullptr || streams.count(stream) > 0; }
Stream *stream_of(CUstream stream) { return stream == nullptr ? &default_stream : stream; }
bool is_capturing(CUstream stream) { return stream_of(stream)->capture != nullptr; }

static CUresult run_next(Stream *stream) {
  const Work work = std::move(stream->queue.front());
  stream->queue.pop_front();
  if (sticky != CUDA_SUCCESS) return sticky;
  if (!work.label.empty()) note(work.label);
  const CUresult status = work.run();
  return status == CUDA_SUCCESS ? CUDA_SUCCESS : fault(status);
}

static CUresult run_all(Stream *stream) {
  while (!stream->queue.empty()) run_next(stream);
  return sticky;
}

CUresult run_stream(CUstream stream) {
  if (stream == nullptr) return run_everything();
  return run_all(stream);
}

CUresult run_everything() {
  run_all(&default_stream);
  for (Stream *const stream : streams) run_all(stream);
  return sticky;
}

CUresult enqueue(CUstream handle, Work work) {
  Stream *const stream = stream_of(handle);
  if (stream->capture != nullptr) return record(stream, std::move(work));
  if (handle == nullptr) {
    for (Stream *const other : streams)
      if (!other->non_blocking) run_all(other);
  } else if (!stream->non_blocking) {
    run_all(&default_stream);
  }
  stream->queue.push_back(std::move(work));
  return settings.deferred != 0 ? CUDA_SUCCESS : run_all(stream);
}

static double now_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static CUresult run_until(const std::shared_ptr<Mark> &mark) {
  while (!mark->reached && sticky == CUDA_SUCCESS) {
    if (mark->stream->queue.empty()) {
      complain("an event is waited for that its stream never reaches");
      return CUDA_ERROR_LAUNCH_TIMEOUT;
    }
    run_next(mark->stream);
  }
  return sticky;
}

void reset_streams() {
  forget_captures();
  for (Stream *const stream : streams) delete stream;
  for (const CUevent event : events) delete event;
  streams.clear(), events.clear();
  default_stream = Stream();
}

} // namespace emulator

using namespace emulator;

extern "C" {

CUresult CUDAAPI cuStreamCreate(CUstream *stream, unsigned flags) {
  ENTER(cuStreamCreate);
  if (stream == nullptr || flags > 1) return CUDA_ERROR_INVALID_VALUE;
  *stream = new CUstream_st();
  (*stream)->non_blocking = flags == CU_STREAM_NON_BLOCKING;
  streams.insert(*stream);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamDestroy_v2(CUstream stream) {
  ENTER(cuStreamDestroy_v2);
  if (stream == nullptr || !is_stream(stream)) return CUDA_ERROR_INVALID_HANDLE;
  if (stream->capture != nullptr) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  const CUresult status = run_all(stream);
  streams.erase(stream);
  delete stream;
  return status;
}

CUresult CUDAAPI cuStreamSynchronize(CUstream stream) {
  ENTER(cuStreamSynchronize);
  if (!is_stream(stream)) return CUDA_ERROR_INVALID_HANDLE;
  if (is_capturing(stream)) return invalidate(stream, "cuStreamSynchronize");
  return run_stream(stream);
}

/* Work that is waiting runs now and is done the next time one asks. */
CUresult CUDAAPI cuStreamQuery(CUstream stream) {
  ENTER(cuStreamQuery);
  if (!is_stream(stream)) return CUDA_ERROR_INVALID_HANDLE;
  if (is_capturing(stream)) return invalidate(stream, "cuStreamQuery");
  const bool busy = !stream_of(stream)->queue.empty();
  const CUresult status = run_stream(stream);
  return status == CUDA_SUCCESS && busy ? CUDA_ERROR_NOT_READY : status;
}

CUresult CUDAAPI cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
  ENTER(cuStreamWaitEvent);
  if (!is_stream(stream) || events.count(event) == 0) return CUDA_ERROR_INVALID_HANDLE;
  const std::shared_ptr<Mark> mark = event->mark;
  if (mark == nullptr) return CUDA_SUCCESS;
  if (mark->capture != nullptr || is_capturing(stream)) return join(stream_of(stream), *mark);
  return enqueue(stream, {"", [mark] { return run_until(mark); }});
}

CUresult CUDAAPI cuEventCreate(CUevent *event, unsigned flags) {
  ENTER(cuEventCreate);
  if (event == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *event = new CUevent_st{nullptr, (flags & CU_EVENT_DISABLE_TIMING) == 0};
  events.insert(*event);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuEventDestroy_v2(CUevent event) {
  ENTER(cuEventDestroy_v2);
  if (events.erase(event) == 0) return CUDA_ERROR_INVALID_HANDLE;
  delete event;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuEventRecord(CUevent event, CUstream handle) {
  ENTER(cuEventRecord);
  if (!is_stream(handle) || events.count(event) == 0) return CUDA_ERROR_INVALID_HANDLE;
  Stream *const stream = stream_of(handle);
  const auto mark = std::make_shared<Mark>(Mark{stream, stream->capture, false, 0});
  event->mark = mark;
  if (stream->capture != nullptr) return CUDA_SUCCESS;
  return enqueue(handle, {"", [mark] {
                            mark->reached = true;
                            mark->ms = now_ms();
                            return CUDA_SUCCESS;
                          }});
}

CUresult CUDAAPI cuEventSynchronize(CUevent event) {
  ENTER(cuEventSynchronize);
  if (events.count(event) == 0) return CUDA_ERROR_INVALID_HANDLE;
  if (event->mark == nullptr) return CUDA_SUCCESS;
  if (event->mark->capture != nullptr) return CUDA_ERROR_CAPTURED_EVENT;
  return run_until(event->mark);
}

CUresult CUDAAPI cuEventQuery(CUevent event) {
  ENTER(cuEventQuery);
  if (events.count(event) == 0) return CUDA_ERROR_INVALID_HANDLE;
  if (event->mark == nullptr || event->mark->reached) return CUDA_SUCCESS;
  if (event->mark->capture != nullptr) return CUDA_ERROR_CAPTURED_EVENT;
  const CUresult status = run_until(event->mark);
  return status == CUDA_SUCCESS ? CUDA_ERROR_NOT_READY : status;
}

static CUresult elapsed(float *milliseconds, CUevent start, CUevent end) {
  if (milliseconds == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (events.count(start) == 0 || events.count(end) == 0) return CUDA_ERROR_INVALID_HANDLE;
  if (!start->timed || !end->timed || start->mark == nullptr || end->mark == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (!start->mark->reached || !end->mark->reached) return CUDA_ERROR_NOT_READY;
  *milliseconds = float(end->mark->ms - start->mark->ms);
  return CUDA_SUCCESS;
}

#ifdef cuEventElapsedTime /* CUDA 13's header gives the old name to the new function. */
#undef cuEventElapsedTime
#endif
CUresult CUDAAPI cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
  ENTER(cuEventElapsedTime);
  return elapsed(milliseconds, start, end);
}

CUresult CUDAAPI cuEventElapsedTime_v2(float *milliseconds, CUevent start, CUevent end) {
  ENTER(cuEventElapsedTime_v2);
  return elapsed(milliseconds, start, end);
}
}
