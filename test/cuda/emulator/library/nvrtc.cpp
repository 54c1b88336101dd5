/*
 * NVRTC's stand-in: its functions. What compiles is `compile.cpp`.
 */
#include "compile.h"
#include "state.h"
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>

struct _nvrtcProgram {
  emulator::Source source;
  emulator::Compiled compiled;
};

namespace emulator {

static std::mutex programs_mutex;
static std::set<nvrtcProgram> programs;

static bool is_program(nvrtcProgram program) {
  std::lock_guard<std::mutex> locked(programs_mutex);
  return programs.count(program) > 0;
}

static nvrtcResult injected(const char *function) {
  std::lock_guard<std::recursive_mutex> locked(mutex);
  return nvrtcResult(enter(function));
}

static const int ARCHITECTURES[] = {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};

static nvrtcResult give_text(const std::string &from, char *to) {
  if (to == nullptr) return NVRTC_ERROR_INVALID_INPUT;
  memcpy(to, from.data(), from.size());
  return NVRTC_SUCCESS;
}

} // namespace emulator

using namespace emulator;

#define ENTER_NVRTC(function)                                                                                                        \
  if (const nvrtcResult status = injected(#function)) return status
#define ENTER_PROGRAM(function)                                                                                                      \
  ENTER_NVRTC(function);                                                                                                              \
  if (!is_program(program)) return NVRTC_ERROR_INVALID_PROGRAM

extern "C" {

nvrtcResult nvrtcVersion(int *major, int *minor) {
  ENTER_NVRTC(nvrtcVersion);
  if (major == nullptr || minor == nullptr) return NVRTC_ERROR_INVALID_INPUT;
  *major = int(settings.nvrtcVersion / 1000);
  *minor = int(settings.nvrtcVersion % 1000 / 10);
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetNumSupportedArchs(int *count) {
  ENTER_NVRTC(nvrtcGetNumSupportedArchs);
  *count = int(sizeof ARCHITECTURES / sizeof *ARCHITECTURES);
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetSupportedArchs(int *architectures) {
  ENTER_NVRTC(nvrtcGetSupportedArchs);
  memcpy(architectures, ARCHITECTURES, sizeof ARCHITECTURES);
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCreateProgram(nvrtcProgram *program, const char *source, const char *name, int count, const char *const *headers,
                               const char *const *names) {
  ENTER_NVRTC(nvrtcCreateProgram);
  if (program == nullptr || source == nullptr || count < 0) return NVRTC_ERROR_INVALID_INPUT;
  auto made = std::make_unique<_nvrtcProgram>();
  made->source = {name == nullptr ? "default_program" : name, source, {}};
  for (int i = 0; i < count; i++) {
    if (strstr(names[i], "..") != nullptr || names[i][0] == '/') return NVRTC_ERROR_INVALID_INPUT;
    made->source.headers[names[i]] = headers[i];
  }
  *program = made.release();
  std::lock_guard<std::mutex> locked(programs_mutex);
  programs.insert(*program);
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram *program) {
  ENTER_NVRTC(nvrtcDestroyProgram);
  std::lock_guard<std::mutex> locked(programs_mutex);
  if (program == nullptr || programs.erase(*program) == 0) return NVRTC_ERROR_INVALID_PROGRAM;
  delete *program;
  *program = nullptr;
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int count, const char *const *options) {
  ENTER_PROGRAM(nvrtcCompileProgram);
  program->compiled = compile(program->source, {options, options + count});
  return program->compiled.status;
}

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, size_t *bytes) {
  ENTER_PROGRAM(nvrtcGetProgramLogSize);
  *bytes = program->compiled.log.size() + 1;
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char *log) {
  ENTER_PROGRAM(nvrtcGetProgramLog);
  return give_text(program->compiled.log + '\0', log);
}

/* Machine code is there only where a real architecture was asked for, as with NVRTC. */
nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t *bytes) {
  ENTER_PROGRAM(nvrtcGetCUBINSize);
  *bytes = program->compiled.real ? program->compiled.binary.size() : 0;
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char *binary) {
  ENTER_PROGRAM(nvrtcGetCUBIN);
  return program->compiled.real ? give_text(program->compiled.binary, binary) : NVRTC_ERROR_INVALID_PROGRAM;
}

/* Not PTX but the same machine code, which the emulator's driver loads as well. */
nvrtcResult nvrtcGetPTXSize(nvrtcProgram program, size_t *bytes) {
  ENTER_PROGRAM(nvrtcGetPTXSize);
  *bytes = program->compiled.binary.size();
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetPTX(nvrtcProgram program, char *binary) {
  ENTER_PROGRAM(nvrtcGetPTX);
  return give_text(program->compiled.binary, binary);
}

const char *nvrtcGetErrorString(nvrtcResult result) {
  switch (result) {
  case NVRTC_SUCCESS: return "NVRTC_SUCCESS";
  case NVRTC_ERROR_OUT_OF_MEMORY: return "NVRTC_ERROR_OUT_OF_MEMORY";
  case NVRTC_ERROR_PROGRAM_CREATION_FAILURE: return "NVRTC_ERROR_PROGRAM_CREATION_FAILURE";
  case NVRTC_ERROR_INVALID_INPUT: return "NVRTC_ERROR_INVALID_INPUT";
  case NVRTC_ERROR_INVALID_PROGRAM: return "NVRTC_ERROR_INVALID_PROGRAM";
  case NVRTC_ERROR_INVALID_OPTION: return "NVRTC_ERROR_INVALID_OPTION";
  case NVRTC_ERROR_COMPILATION: return "NVRTC_ERROR_COMPILATION";
  case NVRTC_ERROR_BUILTIN_OPERATION_FAILURE: return "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE";
  default: return "NVRTC_ERROR unknown";
  }
}
}
