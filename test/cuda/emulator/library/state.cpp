/* Settings, errors, injected faults, and the report that the tests read. */
#include "state.h"
#include "memory.h"
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <map>
#include <vector>

namespace emulator {

Settings settings;
std::recursive_mutex mutex;
CUresult sticky = CUDA_SUCCESS;
Counts counts;

/* A broken kernel would otherwise say the same a million times. */
static const size_t MOST_ERRORS = 100;
static std::vector<std::string> errors, lines;
struct Calls {
  long long made = 0;
  /* Status by number of the call, from 1. */
  std::map<long long, int> failing;
};
static std::map<std::string, Calls> calls;

std::string text(const char *format, ...) {
  char buffer[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(buffer, sizeof buffer, format, arguments);
  va_end(arguments);
  return buffer;
}

void complain(const char *format, ...) {
  char buffer[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(buffer, sizeof buffer, format, arguments);
  va_end(arguments);
  if (errors.size() < MOST_ERRORS) errors.push_back(buffer);
}

void note(const std::string &line) {
  if (settings.log != 0) lines.push_back(line);
}

int enter(const char *function) {
  Calls &of = calls[function];
  of.made++;
  const auto failing = of.failing.find(of.made);
  if (failing == of.failing.end()) return 0;
  const int status = failing->second;
  of.failing.erase(failing);
  return status;
}

CUresult fault(CUresult status) {
  if (sticky == CUDA_SUCCESS) sticky = status;
  return status;
}

static std::string quoted(const std::string &value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\', out += c;
    else if (static_cast<unsigned char>(c) < 32) out += text("\\u%04x", c);
    else out += c;
  }
  return out + "\"";
}

static std::string list(const std::vector<std::string> &values) {
  std::string out;
  for (const std::string &value : values) out += (out.empty() ? "" : ",") + quoted(value);
  return "[" + out + "]";
}

static std::string describe_calls() {
  std::string out;
  for (const auto &[name, of] : calls) out += (out.empty() ? "" : ",") + quoted(name) + ":" + std::to_string(of.made);
  return "{" + out + "}";
}

static std::string report() {
  check_guards("before the report");
  std::string out = "{" + describe_memory();
  out += text(",\"launches\":%lld,\"graphLaunches\":%lld", counts.launches, counts.graph_launches);
  out += text(",\"matmuls\":%lld,\"copies\":%lld,\"fills\":%lld", counts.matmuls, counts.copies, counts.fills);
  out += text(",\"compilations\":%lld,\"cachedCompilations\":%lld", counts.compilations, counts.cached_compilations);
  out += text(",\"sticky\":%d", int(sticky));
  return out + ",\"errors\":" + list(errors) + ",\"log\":" + list(lines) + ",\"calls\":" + describe_calls() + "}";
}

static long long *setting(const std::string &name) {
  const std::map<std::string, long long *> known = {
      {"memoryBytes", &settings.memoryBytes},
      {"computeCapability", &settings.computeCapability},
      {"multiprocessors", &settings.multiprocessors},
      {"sharedBytesPerBlock", &settings.sharedBytesPerBlock},
      {"l2Bytes", &settings.l2Bytes},
      {"driverVersion", &settings.driverVersion},
      {"nvrtcVersion", &settings.nvrtcVersion},
      {"order", &settings.order},
      {"deferred", &settings.deferred},
      {"log", &settings.log},
  };
  const auto found = known.find(name);
  return found == known.end() ? nullptr : found->second;
}

} // namespace emulator

using namespace emulator;

extern "C" {

/* JSON; valid until the next call. */
const char *emulator_report(void) {
  std::lock_guard<std::recursive_mutex> locked(mutex);
  static std::string kept;
  kept = report();
  return kept.c_str();
}

/* As if the process had just begun. */
void emulator_reset(void) {
  std::lock_guard<std::recursive_mutex> locked(mutex);
  reset_streams();
  reset_modules();
  reset_memory();
  reset_context();
  sticky = CUDA_SUCCESS;
  settings = Settings();
  counts = Counts();
  errors.clear(), lines.clear(), calls.clear();
}

/* 0, or 1 where there is no such setting. */
int emulator_set(const char *name, long long value) {
  std::lock_guard<std::recursive_mutex> locked(mutex);
  long long *const where = setting(name);
  if (where == nullptr) return 1;
  *where = value;
  return 0;
}

/* Lets the call with this number, counted from now, fail with a status. */
void emulator_fail(const char *function, long long nth, int status) {
  std::lock_guard<std::recursive_mutex> locked(mutex);
  Calls &of = calls[function];
  of.failing[of.made + nth] = status;
}
}
